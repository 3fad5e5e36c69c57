"""What a server would do under a load, on devices that need not be there: the real policy, a clock of its own."""
