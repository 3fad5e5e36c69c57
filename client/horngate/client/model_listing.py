"""A model's inputs, outputs and layers, as `horngate predict MODEL` lists them."""

from collections.abc import Sequence

from horngate.client.descriptions import ImageInput, ModelDescription
from horngate.contract.models import LayerSpec
from horngate.contract.tensors import TensorSpec, bytes_text, shape_text


def print_model(model: ModelDescription) -> None:
    """What is to be known before one predicts."""
    print(f"{model.name} version {model.version}: {model.state}, {model.engine} on {model.device}")
    print(f"{model.parameters:,} parameters, at most {model.cap} rows at once, from {model.source}")
    for title, specs in (("inputs", model.inputs), ("outputs", model.outputs)):
        print(f"\n{title}")
        _table([(spec.name, spec.datatype, shape_text(spec.shape)) for spec in specs])
    if model.image is not None:
        print(f"\npictures\n  {_picture_text(model.image)}")
    if model.labels:
        print(f"\nclasses\n  {len(model.labels):,}: {', '.join(model.labels[:3])}, …")
    print("\nlayers")
    _table([_layer_row(layer, output) for layer in model.layers for output in layer.outputs])


def _picture_text(image: ImageInput) -> str:
    kept = f"the middle {image.crop:.1%}" if image.crop else "all of it"
    return (
        f"JPEG, PNG, WebP, GIF, or UINT8 pixels: {kept}, {image.resize} to {image.height} x {image.width}, "
        f"{image.channels} channel{'s' if image.channels > 1 else ''}"
    )


def _layer_row(layer: LayerSpec, output: TensorSpec) -> tuple[str, ...]:
    """What a layer's output is, and what the layer costs; further outputs of it cost nothing more."""
    is_first = output is layer.outputs[0]
    costs = (f"{layer.parameters:,} parameters", _products(layer)) if is_first else ("", "")
    reads = f"from {', '.join(layer.inputs)}" if layer.inputs and is_first else ""
    size = f"{bytes_text(output.row_bytes)} a row"
    return output.name, layer.class_name, output.datatype, shape_text(output.shape), *costs, size, reads


def _products(layer: LayerSpec) -> str:
    return "? MACs" if layer.macs is None else f"{layer.macs:,} MACs"


def _table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
