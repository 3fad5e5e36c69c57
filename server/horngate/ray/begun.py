"""The sequences that a front has seen begin."""

import threading
from collections import OrderedDict

import grpc

from horngate.contract.errors import SequenceLost
from horngate.oip.status import KIND_TRAILER
from horngate.ray.calls import Outcome, Subject, failed

REMEMBERED = 100_000
_UNKNOWN = (KIND_TRAILER, "SequenceUnknown")


class Begun:
    """The sequences that this front has seen begin, the latest of them. Any thread may call it.

    A replica that took over from one that was lost knows nothing of its sequences: their callers are told that they
    are lost, not that there never were any.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: OrderedDict[str, None] = OrderedDict()  # under the lock

    def seen(self, subject: Subject, outcome: Outcome) -> Outcome:
        """Learn from a call and what came of it; what is to be told of it."""
        if not subject.sequence:
            return outcome
        with self._lock:
            if outcome.code == grpc.StatusCode.OK.name:
                self._names[subject.sequence] = None
                self._names.move_to_end(subject.sequence)
                while len(self._names) > REMEMBERED:
                    self._names.popitem(last=False)
            known = subject.sequence in self._names
        if known and _UNKNOWN in outcome.trailers:
            return failed(
                SequenceLost(f"model '{subject.model}': the replica that kept the sequence is lost")
            )
        return outcome
