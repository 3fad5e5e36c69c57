"""The `horngate` command: a thin dispatcher over what each package offers."""
