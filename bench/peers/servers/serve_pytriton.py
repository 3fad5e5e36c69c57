"""PyTriton: a function of numpy arrays behind Triton's C++ core, which batches and speaks gRPC."""

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig
from subject import INPUT, MAX_ROWS, MODEL, OUTPUT, Subject


def main() -> None:
    """Serve until told to stop."""
    subject = Subject.from_environment()
    answer = subject.predictor()

    @batch
    def infer(**inputs: np.ndarray) -> dict[str, np.ndarray]:
        return {OUTPUT: answer(inputs[INPUT])}

    port = subject.port
    ports = TritonConfig(grpc_port=port, http_port=port + 1, metrics_port=port + 2)
    with Triton(config=ports) as triton:
        triton.bind(
            model_name=MODEL,
            infer_func=infer,
            inputs=[Tensor(name=INPUT, dtype=np.float32, shape=subject.shape)],
            outputs=[Tensor(name=OUTPUT, dtype=np.float32, shape=(subject.classes,))],
            config=ModelConfig(max_batch_size=MAX_ROWS, batcher=DynamicBatcher()),
            strict=False,
        )
        triton.serve()


if __name__ == "__main__":
    main()
