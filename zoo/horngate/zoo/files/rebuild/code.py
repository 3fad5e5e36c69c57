"""Lambda layers: Python code in a file, or the name of a function that the operator named."""

import base64
import marshal
import types
from collections.abc import Mapping
from typing import Any

import keras

from horngate.contract.errors import LoadError
from horngate.zoo.files.rebuild.classes import function
from horngate.zoo.files.upgrade.step import Entry, config_of, name_of
from horngate.zoo.safety.bytecode import is_of_this_python


def lambda_layer(entry: Entry, custom: Mapping[str, Any], *, allow_code: bool) -> Any:
    """The Lambda layer. LoadError if it holds code that is not to be run, or names what nobody knows."""
    config = config_of(entry)
    stored = config.get("function")
    if isinstance(stored, str):
        called = function(stored, custom)
        if called is None:
            raise LoadError(
                f"layer '{name_of(entry)}' is a Lambda of the function '{stored}', which Keras has not. Name its "
                f'module in model.toml: custom_objects = ["your_module:{stored}"]'
            )
    elif not allow_code:
        raise LoadError(
            f"layer '{name_of(entry)}' is a Lambda that holds Python code, which is not run. If you trust the "
            "file, set allow_code = true in its model.toml; better, replace the Lambda by a layer class"
        )
    else:
        called = _unmarshalled(stored, name_of(entry))
    settings: dict[str, Any] = {key: config[key] for key in ("name", "dtype", "trainable") if key in config}
    shape = config.get("output_shape")
    if isinstance(shape, list) and config.get("output_shape_type", "raw") == "raw":
        settings["output_shape"] = tuple(shape)
    return keras.layers.Lambda(called, arguments=config.get("arguments") or {}, **settings)


def _unmarshalled(stored: Any, layer: str) -> Any:
    """The function that Keras 1 and 2 stored as marshalled code, its defaults and its closure."""
    if not (isinstance(stored, list) and stored and is_of_this_python(str(stored[0]))):
        raise LoadError(
            f"layer '{layer}' is a Lambda whose code another version of Python wrote; this one cannot run it. "
            "Replace the Lambda by a layer class"
        )
    try:
        code, defaults, closure = (*stored, None, None)[:3]
        raw = code.encode("raw_unicode_escape")
        try:
            raw = base64.b64decode(raw, validate=False)
            loaded = marshal.loads(raw)  # noqa: S302 - only where the operator allowed this model's code
        except ValueError:
            loaded = marshal.loads(code.encode("raw_unicode_escape"))  # noqa: S302
        cells = tuple(types.CellType(one) for one in closure or ())
        names = {"keras": keras, "K": keras.ops, "backend": keras.ops, "ops": keras.ops}
        return types.FunctionType(loaded, names, layer, tuple(defaults or ()), cells or None)
    except Exception as error:  # another Python's code
        raise LoadError(
            f"layer '{layer}' is a Lambda whose code another version of Python wrote; this one cannot read it "
            f"({type(error).__name__}: {error}). Replace the Lambda by a layer class"
        ) from error
