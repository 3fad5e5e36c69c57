"""Models out: the inverse of loading. A Keras model as a file of any format that Keras's users know, and ONNX.

from horngate.zoo.export import export

exported = export(model, "model.onnx")                      # the suffix tells the format
exported = export(model, "weights.h5", "legacy-weights")    # or you do
"""

from horngate.zoo.export.exporting import Exported, export
from horngate.zoo.export.formats import FORMATS, format_of

__all__ = ["FORMATS", "Exported", "export", "format_of"]
