"""A model's spec to and from the wire, field for field: `None` axes travel as -1."""

from collections.abc import Iterable

from horngate.contract.models import LayerSpec, ModelSpec
from horngate.contract.tensors import TensorSpec
from horngate.v1 import horngate_pb2 as pb

SERVICE = "horngate.v1.Horngate"
"""The service's full name: a method's path is `/{SERVICE}/{method}`."""


def write_spec(spec: ModelSpec, response: pb.DescribeModelResponse) -> None:
    """Fill in `inputs`, `outputs`, `layers` and `parameters` of an answer that has none of them yet."""
    response.inputs.extend(_tensor(tensor) for tensor in spec.inputs)
    response.outputs.extend(_tensor(tensor) for tensor in spec.outputs)
    response.layers.extend(_layer(layer) for layer in spec.layers)
    response.parameters = spec.parameters


def read_spec(response: pb.DescribeModelResponse) -> ModelSpec:
    """The spec that `write_spec` wrote."""
    return ModelSpec(
        inputs=_tensors_of(response.inputs),
        outputs=_tensors_of(response.outputs),
        layers=tuple(_layer_of(layer) for layer in response.layers),
        parameters=response.parameters,
    )


def _tensor(spec: TensorSpec) -> pb.TensorSpec:
    shape = [-1 if size is None else size for size in spec.shape]
    return pb.TensorSpec(name=spec.name, datatype=spec.datatype, shape=shape)


def _layer(spec: LayerSpec) -> pb.LayerSpec:
    return pb.LayerSpec(
        name=spec.name,
        class_name=spec.class_name,
        outputs=[_tensor(tensor) for tensor in spec.outputs],
        parameters=spec.parameters,
        inputs=spec.inputs,
        index=spec.index,
        macs=spec.macs,
        row_bytes=spec.row_bytes,
    )


def _tensors_of(messages: Iterable[pb.TensorSpec]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(
            name=message.name,
            datatype=message.datatype,
            shape=tuple(None if size < 0 else size for size in message.shape),
        )
        for message in messages
    )


def _layer_of(message: pb.LayerSpec) -> LayerSpec:
    return LayerSpec(
        name=message.name,
        class_name=message.class_name,
        outputs=_tensors_of(message.outputs),
        parameters=message.parameters,
        inputs=tuple(message.inputs),
        index=message.index if message.HasField("index") else None,
        macs=message.macs if message.HasField("macs") else None,
    )
