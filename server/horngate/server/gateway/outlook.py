"""What a gateway believes of a worker: how much is ahead there, and which of its queues are full."""

from horngate.contract.errors import ResourceExhausted

FULL_SHARE = 0.2
"""For this part of what a worker's refusal said, its queue is taken to be full still."""


class Outlook:
    """Seconds of the device: our calls' expected ones, and other gateways' as the worker last told.

    The caller's clock: every `now_s` is not before the one before. The gateway's event loop owns it.
    """

    def __init__(self) -> None:
        self.sent = 0
        # Invariant: _ours_s is the cost of _calls calls that were sent and are not answered.
        self._calls = 0
        self._ours_s = 0.0
        self._others_s = 0.0
        self._heard_s = 0.0
        self._full: dict[str, tuple[float, ResourceExhausted]] = {}

    @property
    def calls(self) -> int:
        """Ours that are not answered."""
        return self._calls

    def ahead_s(self, now_s: float) -> float:
        """What a call that is sent now waits for, at the least. Others' work is being worked off meanwhile."""
        return self._ours_s + max(0.0, self._others_s - (now_s - self._heard_s))

    def send(self, cost_s: float) -> None:
        """A call is on its way there."""
        self.sent += 1
        self._calls += 1
        self._ours_s += cost_s

    def answered(self, cost_s: float) -> None:
        """A call came back, however it fared."""
        self._calls -= 1
        self._ours_s = self._ours_s - cost_s if self._calls else 0.0

    def hear(self, ahead_s: float, now_s: float) -> None:
        """The worker says how much it has ahead, of all gateways together."""
        self._others_s, self._heard_s = max(0.0, ahead_s - self._ours_s), now_s

    def refused(self, handle: str, error: ResourceExhausted, now_s: float) -> None:
        """A queue was full: for a moment, a part of what it takes to drain, nothing is sent to be refused."""
        if error.retry_after_s is not None and error.reason != "deadline":
            self._full[handle] = now_s + FULL_SHARE * error.retry_after_s, error

    def refuses(self, handle: str, now_s: float) -> ResourceExhausted | None:
        """What the worker said a moment ago of a model whose queue was full; None if it may take a call."""
        if not self._full:
            return None
        until_s, error = self._full.get(handle, (0.0, None))
        if error is not None and until_s <= now_s:
            del self._full[handle]
            return None
        return error
