"""Walls around a process that opens an untrusted file: limits, Landlock, a filter on system calls.

Imports the standard library alone.
"""

from horngate.zoo.walls.walls import Walls, limit, raise_walls, standing_walls

__all__ = ["Walls", "limit", "raise_walls", "standing_walls"]
