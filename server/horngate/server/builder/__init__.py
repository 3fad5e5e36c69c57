"""A builder: one source becomes one artifact, in a process of its own that then exits."""
