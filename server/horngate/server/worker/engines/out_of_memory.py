"""The many ways in which engines say that memory ran out, as one exception.

ONNX Runtime raises its own classes with `bad_alloc` in the text, OpenVINO a RuntimeError that an allocation
failed, JAX an XlaRuntimeError that begins with RESOURCE_EXHAUSTED, TensorFlow a ResourceExhaustedError, PyTorch
an OutOfMemoryError or, on a CPU, a RuntimeError; numpy and Python a MemoryError. On a CPU, TensorFlow does not
raise at all when the system refuses memory: it ends its process, which the supervisor takes for the same.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

_TYPES = ("ResourceExhaustedError", "OutOfMemoryError")
_TEXTS = re.compile(
    r"std::bad_alloc|RESOURCE_EXHAUSTED|[Ff]ailed to allocate|out of memory|can't allocate memory"
    r"|BFCArena::AllocateRawInternal|Available memory of \d+ is smaller"
)


class OutOfMemory(Exception):
    """A batch could not be run because memory ran out; the program is as usable as before."""


@contextmanager
def out_of_memory_told() -> Iterator[None]:
    """Whatever an engine raises inside for want of memory is raised as OutOfMemory; the rest as it is."""
    try:
        yield
    except Exception as fault:
        if is_out_of_memory(fault):
            raise OutOfMemory(str(fault).strip() or type(fault).__name__) from fault
        raise


def is_out_of_memory(fault: Exception) -> bool:
    """Whether an exception says that memory ran out."""
    if isinstance(fault, OutOfMemory | MemoryError) or type(fault).__name__ in _TYPES:
        return True
    return _TEXTS.search(str(fault)) is not None
