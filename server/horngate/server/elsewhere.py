"""What a worker tells a gateway, and no caller ever hears: the sequence is on another version of its model."""

from horngate.contract.errors import HorngateError


class Elsewhere(HorngateError):
    """The step is to be sent again, written for the handle that `str()` is."""
