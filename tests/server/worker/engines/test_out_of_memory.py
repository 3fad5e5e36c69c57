"""What engines have been seen to say when memory ran out, and what they say of other things."""

import pytest

from horngate.server.worker.engines.out_of_memory import OutOfMemory, is_out_of_memory, out_of_memory_told

SEEN = (
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running Conv node. "
    "Name:'Conv1_relu/Clip_nchwc' Status Message: std::bad_alloc",
    "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running Conv node. Status Message: "
    "bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*)",
    "Exception from src/inference/src/cpp/infer_request.cpp:224: [CPU] Convolution node with name "
    "'Multiply_8848' Check 'ptr' failed at cpu_memory.cpp:257: Failed to allocate 102760448 bytes of memory",
    "RESOURCE_EXHAUSTED: Out of memory allocating 8589934592 bytes.",
    "CUDA out of memory. Tried to allocate 20.00 GiB",
)


class ResourceExhaustedError(Exception):
    """TensorFlow's name for it."""


@pytest.mark.parametrize("text", SEEN)
def test_every_engines_words_are_understood(text: str) -> None:
    with pytest.raises(OutOfMemory), out_of_memory_told():
        raise RuntimeError(text)


def test_types_are_enough() -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(ResourceExhaustedError("OOM when allocating tensor"))


def test_other_faults_stay_what_they_are() -> None:
    with pytest.raises(ValueError, match="index 7"), out_of_memory_told():
        raise ValueError("index 7 is out of bounds for axis 0 with size 4")
