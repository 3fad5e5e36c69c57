"""Walls around a process that opens an untrusted file: limits, Landlock, a filter on system calls.

Imports the standard library alone. `standing.standing_walls` tells which of them a machine offers.
"""

from horngate.zoo.walls.walls import Walls, limit, raise_walls

__all__ = ["Walls", "limit", "raise_walls"]
