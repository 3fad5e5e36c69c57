"""The supervisor: watches the repository, decides, starts and restarts the other processes."""
