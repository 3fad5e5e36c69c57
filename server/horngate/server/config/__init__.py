"""What an operator sets for a server: every setting declared once, read from flags, environment, file or default.

kinds       what a setting may hold, and how its text is read
declared    every setting there is: the one place for names, defaults and explanations
file        a TOML file of settings, with the line and key of what is wrong
effective   the value of each setting, and where it came from
flags       the settings as flags of a command
building    the server's settings, made of the values
checking    all that is wrong in them, and in the models' own files
shown       the values as a TOML file again
command     `horngate config`
"""
