"""How a builder that did not finish came to its end, for people."""

import signal

from horngate.server.builder.order import BuildOrder

_MEMORY_WORDS = (
    "bad_alloc",
    "Cannot allocate memory",
    "Unable to allocate",
    "out of memory",
    "OOM when allocating",
    "ailed to allocate",
)


def is_lack_of_memory(fault: BaseException | None) -> bool:
    """Whether an exception, or the one it was raised over, says that memory ended: NumPy's, TensorFlow's, ours."""
    if fault is None:
        return False
    named = isinstance(fault, MemoryError) or type(fault).__name__ == "ResourceExhaustedError"
    return named or _says(str(fault)) or is_lack_of_memory(fault.__cause__)


def lack_of_memory(order: BuildOrder) -> str:
    """What is told of a build for which memory ended."""
    return (
        f"it needs more than the {order.memory_bytes / 2**20:,.0f} MiB of memory that its builder may use; "
        "--build-memory allows more"
    )


def ending(status: int, last_words: str, order: BuildOrder) -> str:
    """Why a process with this exit status ended without a word of its own."""
    if _says(last_words):
        return lack_of_memory(order)
    if status == -signal.SIGXCPU:
        return f"its builder used more than {order.cpu_s:,} s of processor time and was stopped"
    if status == -signal.SIGKILL:
        return "its builder was killed, as the system does to it first when memory ends"
    if status < 0:
        told = f": {last_words}" if last_words else ""
        return f"its builder crashed ({_name(-status)}) on this file{told}"
    return f"its builder ended with status {status}: {last_words or 'no last words'}"


def _says(text: str) -> bool:
    return any(words in text for words in _MEMORY_WORDS)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
