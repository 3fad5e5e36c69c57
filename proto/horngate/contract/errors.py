"""Every error that Horngate tells a caller.

    HorngateError
    ├── InvalidRequest        the request contradicts the model's inputs or outputs
    │   └── RecipeError       a training run is described wrongly
    ├── Unauthenticated       no token, or one that the server does not know
    ├── PermissionDenied      the caller may not do that
    ├── NotFound              no such model or version
    │   └── SequenceUnknown   no such sequence: never begun, or ended
    ├── SequenceExpired       the sequence had no step for too long
    ├── SequenceLost          the sequence's states are gone, or are not those that its caller counts on
    ├── Unavailable           not ready now; the same request may succeed later
    ├── ResourceExhausted     larger than a limit, or a queue is full
    ├── DeadlineExceeded      the caller's deadline passed before an answer
    ├── Unsupported           this server does not do that
    ├── LoadError             a model's file could not be made servable
    └── InternalError         a fault of the server's own

The tree knows no transport: `horngate.oip.status` maps it to gRPC codes and back. A message says what was
concerned, what was received, what was expected and, where there is one, the remedy.
"""


class HorngateError(Exception):
    """Base of all errors; `str()` is the whole message."""


class InvalidRequest(HorngateError):
    """The request contradicts the model's inputs or outputs; sending it again cannot help."""


class RecipeError(InvalidRequest):
    """A training run is described wrongly. The message begins with the key, or the line where it stands in a file.

    `keys` are the key's place, from the outermost table on; a number says which of an array's tables is meant.
    """

    def __init__(self, message: str, keys: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.keys = keys


class Unauthenticated(HorngateError):
    """The call carries no token, or none that the server knows."""


class PermissionDenied(HorngateError):
    """The caller is known, but may not do that."""


class NotFound(HorngateError):
    """No such model or version is served."""


class SequenceUnknown(NotFound):
    """The model has no such sequence: it was never begun, or it has ended."""


class SequenceExpired(HorngateError):
    """The sequence had no step for longer than sequences are kept; it has to begin anew."""


class SequenceLost(HorngateError):
    """The sequence cannot go on, by no fault of its caller's; it has to begin anew and its steps be sent again."""


class Unavailable(HorngateError):
    """The model or server is not ready now; the same request may succeed later."""


class ResourceExhausted(HorngateError):
    """The request is larger than a limit, or what would hold it is full.

    `retry_after_s` says when the same request is worth sending again; None where it never is. `reason` is a
    word for what was full.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, reason: str = "") -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.reason = reason


class DeadlineExceeded(HorngateError):
    """The caller's deadline passed before there was an answer."""


class Unsupported(HorngateError):
    """The server does not offer what was asked for."""


class LoadError(HorngateError):
    """A model's file could not be made servable."""


class InternalError(HorngateError):
    """A fault of the server's own."""
