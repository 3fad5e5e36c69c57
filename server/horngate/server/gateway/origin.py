"""Where a call comes from."""

from typing import NamedTuple


class Origin(NamedTuple):
    """`token` is the name of the token that it came with, `peer` the address that it came from; "" if not known."""

    token: str = ""
    peer: str = ""

    def __str__(self) -> str:
        """For the log."""
        who = f"token '{self.token}'" if self.token else "anybody"
        return f"{who} at {self.peer}" if self.peer else who


NOBODY = Origin()
