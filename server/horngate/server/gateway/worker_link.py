"""One connection of a gateway to a worker: calls out in frames, and answers back."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from horngate.server.frames.channel import Frame
from horngate.server.gateway.alike import contents, groups, may_join, written
from horngate.server.gateway.answers import told
from horngate.server.gateway.burst import Burst
from horngate.server.gateway.connection import Connection
from horngate.server.gateway.infer import Call
from horngate.server.gateway.outlook import Outlook
from horngate.server.gateway.routes import WorkerAddress

HELD_SHARE = 1 / 8
"""Calls that may go together wait for one another for this part of what is ahead of them; they lose nothing."""

HELD_FROM_CALLS = 16
"""With fewer under way, what is ahead may be one batch that is as good as done, and the device would wait."""

SHORTEST_HELD_S, LONGEST_HELD_S = 0.001, 0.005
HURRIES_S = 0.5
"""With less left until its deadline, no call waits for others."""


class WorkerLink:
    """A connection to one incarnation of a worker. The gateway's event loop owns it."""

    def __init__(
        self, address: WorkerAddress, on_frames: Callable[["WorkerLink", list[Frame]], None], burst: Burst
    ) -> None:
        self.address = address
        self.calls: dict[int, Call] = {}
        self.running: set[int] = set()
        self.outlook = Outlook()
        self._on_frames = on_frames
        self._connection = Connection(
            address.path, partial(on_frames, self), lambda: on_frames(self, [["closed"]])
        )
        self._outgoing: list[Any] = []
        # By plan: those that go together.
        self._joining: dict[int, list[Call]] = {}
        self._held_until_s = 0.0
        self._is_woken = False
        self._release: list[int] = []
        self._cancelled: list[int] = []
        self._burst = burst
        self._scheduled = False

    def send(self, call: Call) -> None:
        """Put a call into the next frame; calls of the same burst, or turn of the loop, share one.

        InvalidRequest: what it has in shared memory is not there any more. Of those that leave together it is told
        as a frame: `["unsent", number, error]`.
        """
        if may_join(call):
            self._hold(call)
            self._take_up(call)
            self._joining.setdefault(id(call.writer), []).append(call)
        else:
            self._put_out(call)
            self._take_up(call)

    def _hold(self, call: Call) -> None:
        """Have calls wait for those that come soon, while the worker has enough to do."""
        now_s = time.monotonic()
        if call.priority or (call.deadline_s is not None and call.deadline_s < now_s + HURRIES_S):
            self._held_until_s = 0.0
        elif not self._joining:
            held_s = min(LONGEST_HELD_S, HELD_SHARE * self.outlook.ahead_s(now_s))
            is_worth_it = held_s >= SHORTEST_HELD_S and self.outlook.calls >= HELD_FROM_CALLS
            self._held_until_s = now_s + held_s if is_worth_it else 0.0

    def _put_out(self, call: Call) -> None:
        """Have a call told by itself."""
        call.held = held = self._connection.hold(self._connection.put(raw) for _, raw in call.tensors)
        tensors = [[shape, payload] for (shape, _), payload in zip(call.tensors, held.payloads, strict=True)]
        handle, alone = call.entry.handle, call.deaths > 0
        how = [call.deadline_s, alone, call.priority, call.seed, call.pixels, call.trace]
        step = None if call.step is None else call.step.to_plain()
        self._outgoing.append([call.number, handle, call.outputs, call.rows, *how, tensors, step])

    def _take_up(self, call: Call) -> None:
        self.calls[call.number] = call
        self.outlook.send(call.cost_s)
        self._schedule()

    def cancel(self, number: int) -> None:
        """Tell the worker that nobody waits; its reply still comes, and gives the memory back."""
        self._cancelled.append(number)
        self._schedule()

    def take(self, number: int) -> Call | None:
        """Remove a call that is answered, and give back its memory."""
        call = self.calls.get(number)
        if call is not None:
            held, call.held = call.held, None
            if held is not None:
                self._connection.leave(held)
            del self.calls[number]
            self.running.discard(number)
            self.outlook.answered(call.cost_s)
        return call

    def get(self, payload: Any) -> Any:
        """The bytes of an output; what lies in the worker's arena is released with the next frame."""
        if not isinstance(payload, bytes):
            self._release.append(payload[0])
            self._schedule()
        return self._connection.get(payload)

    def close(self) -> None:
        """Stop listening; the calls stay in `calls`."""
        self._joining.clear()
        self._connection.close()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._burst.at_end(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        left_s = self._held_until_s - time.monotonic() if self._joining and self._held_until_s else 0.0
        if left_s > 0 and not self._cancelled:
            self._wake_in(left_s)
        else:
            self._send_joined()
        for kind, items in (
            ("requests", self._outgoing),
            ("release", self._release),
            ("cancel", self._cancelled),
        ):
            if items:
                self._connection.send(kind, items)
                items.clear()
        self._connection.flush()

    def _wake_in(self, delay_s: float) -> None:
        if not self._is_woken:
            self._is_woken = True
            self._connection.later(delay_s, self._on_time)

    def _on_time(self) -> None:
        self._is_woken = False
        self._flush()

    def _send_joined(self) -> None:
        joining, self._joining = self._joining, {}
        for calls in joining.values():
            for group in groups(calls):
                self._send_together(group)

    def _send_together(self, calls: Sequence[Call]) -> None:
        put = self._connection.put_together
        try:
            held = self._connection.hold(map(put, contents(calls)), len(calls))
        except Exception:  # One has something in shared memory that is gone, or all need too much.
            self._send_singly(calls)
            return
        for call in calls:
            call.held = held
        self._connection.send("alike", written(calls, held.payloads))

    def _send_singly(self, calls: Sequence[Call]) -> None:
        for call in calls:
            try:
                self._put_out(call)
            except Exception as fault:
                error = told(fault, "a request could not be sent", model=call.entry.name)
                self._on_frames(self, [["unsent", call.number, error]])


def least_busy(links: Sequence[WorkerLink], handle: str) -> WorkerLink:
    """The link with the least ahead, of those whose queue for a model was not full a moment ago, if any."""
    if len(links) == 1:
        return links[0]
    now_s = time.monotonic()
    open_links = [link for link in links if not link.outlook.refuses(handle, now_s)] or links
    return min(open_links, key=lambda link: (link.outlook.ahead_s(now_s), link.outlook.sent))
