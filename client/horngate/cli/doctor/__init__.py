"""`horngate doctor`: what this machine and its installation offer a server, what is wrong, and how to mend it.

finding     one thing that was looked at
python      the interpreter, the packages, the commands of the extras
keras_home  keras.json and KERAS_HOME, as Keras finds them
engines     each engine, tried on a small network in a process of its own; trial is that process
gpus        what the driver has, and what the backend sees
machine     cores, memory, files, walls, the clock
storage     caches, temporary files, shared memory
ports       whether a server could listen, and who does
settings    the server's configuration
report      for people and as JSON
"""
