"""What an operation asks of whoever drives it.

Every operation of the SDK is written once, as a generator that does no input or output of its own: it
yields the steps below, is sent each step's answer, and returns the operation's result. An error of the
contract's tree that a step meets is thrown in where the step was yielded. `blocking` and `awaiting` drive
the same generators.
"""

import inspect
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, get_args

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Call:
    """Send `request` to the gRPC method at `path` of `server`; the answer is the response's bytes."""

    server: str
    path: str
    request: bytes
    timeout_s: float


@dataclass(frozen=True, kw_only=True)
class Pause:
    """Let `delay_s` pass; the answer is no bytes."""

    delay_s: float


@dataclass(frozen=True, kw_only=True)
class Look:
    """Have `call` made and `told` whether it was answered, while the operation goes on; the answer is no bytes."""

    call: Call
    told: Callable[[bool], None]


Step: TypeAlias = Call | Pause | Look
Operation: TypeAlias = Generator[Step, bytes, T]


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """When an operation ends, whatever it is doing: `budget_s` after it began, by a monotonic clock."""

    clock: Callable[[], float]
    ends_s: float
    budget_s: float

    @classmethod
    def after(cls, budget_s: float, clock: Callable[[], float]) -> "Deadline":
        """The deadline `budget_s` from now."""
        return cls(clock=clock, ends_s=clock() + budget_s, budget_s=budget_s)

    def remaining_s(self) -> float:
        """What is left, negative once it has passed."""
        return self.ends_s - self.clock()


def method_signature(operation: Callable[..., Operation[Any]]) -> inspect.Signature:
    """An operation's signature as its method shows it in `help()`: its first parameter is the client, and it
    returns what the operation returns in the end."""
    signature = inspect.signature(operation)
    session, *others = signature.parameters.values()
    client = session.replace(name="self", annotation=inspect.Parameter.empty)
    result = get_args(signature.return_annotation)[-1]
    return signature.replace(parameters=[client, *others], return_annotation=result)
