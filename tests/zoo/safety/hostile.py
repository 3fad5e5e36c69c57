"""Hostile files, one for each way in which a file could act or take more than it brings.

Each entry of HOSTILE is a name, what writes the file, and what the refusal must say.
"""

import base64
import json
import marshal
import os
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.zoo.safety.files import (
    DENSE,
    GOOD,
    archive,
    fill,
    hdf5,
    keras3,
    layer,
    sequential,
    weights_content,
)

Write = Callable[[Path], Path]


def mark(folder: Path) -> Path:
    """The file that code in a hostile file would leave behind."""
    return folder / "MARK"


def secret(folder: Path) -> Path:
    """A file that no model has a right to read."""
    path = folder / "secret.txt"
    path.write_text("the secret words\nof somebody else\n")
    return path


# Code


def code(folder: Path) -> str:
    """A marshalled function that leaves a mark."""
    source = f"lambda x: open({str(mark(folder))!r}, 'w') and x"
    function = eval(source)
    return base64.b64encode(marshal.dumps(function.__code__)).decode()


def old_code() -> str:
    """`lambda x: os.system(x)` as Python 3.6 marshalled it for Keras 2.1."""
    load_os, load_system = bytes([116, 0]), bytes([106, 1])
    return old_function(load_os + load_system + bytes([124, 0, 131, 1, 83, 0]), (None,), ("os", "system"))


def old_function(code: bytes, constants: tuple[Any, ...], names: tuple[str, ...]) -> str:
    """A lambda of `x` with these instructions, marshalled as Python 3.6 did."""
    counters = struct.pack("<5i", 1, 0, 1, 3, 67)
    values = (code, constants, names, ("x",), (), (), "model.py", "<lambda>")
    content = b"\xe3" + counters + b"".join(map(marshal.dumps, values)) + struct.pack("<i", 1) + b"s\0\0\0\0"
    return base64.b64encode(content).decode()


def lambda_hdf5(slot: str) -> Write:
    def write(folder: Path) -> Path:
        config: dict[str, Any] = {"function": "relu", "function_type": "function", "arguments": {}}
        config |= {slot: [code(folder), None, None], f"{slot}_type": "lambda"}
        return hdf5(folder / "file.h5", sequential(layer("Lambda", "trap", **config), DENSE))

    return write


def lambda_keras(slot: str) -> Write:
    def write(folder: Path) -> Path:
        inner = {"code": code(folder), "defaults": None, "closure": None}
        config: dict[str, Any] = {"function": function("relu", "builtins"), "arguments": {}}
        config |= {slot: {"class_name": "__lambda__", "module": "builtins", "config": inner}}
        return archive(folder / "file.keras", sequential(layer("Lambda", "trap", **config), DENSE))

    return write


def old_lambda(folder: Path) -> Path:
    config = {"function": [old_code(), None, None], "function_type": "lambda", "arguments": {}}
    return hdf5(folder / "file.h5", sequential(layer("Lambda", "trap", **config), DENSE))


def function(name: str, module: str) -> dict[str, Any]:
    """A function as Keras 3 names it."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def named(name: str, module: str) -> Write:
    """A Lambda that names a function; Keras calls it with a tensor when it builds the model."""

    def write(folder: Path) -> Path:
        config = {"function": function(name, module), "arguments": {}}
        return archive(folder / "file.keras", sequential(layer("Lambda", "trap", **config), DENSE))

    return write


def lambda_by_name(folder: Path) -> Path:
    config = {"function": "system", "function_type": "function", "module": "os", "arguments": {}}
    return hdf5(folder / "file.h5", sequential(layer("Lambda", "trap", **config), DENSE))


def one_layer(class_name: str, **config: Any) -> Write:
    return lambda folder: hdf5(folder / "file.h5", sequential(layer(class_name, "trap", **config), DENSE))


def one_layer_keras(class_name: str, **config: Any) -> Write:
    return lambda folder: archive(
        folder / "file.keras", sequential(layer(class_name, "trap", **config), DENSE)
    )


def of_module(class_name: str, module: str) -> Write:
    def write(folder: Path) -> Path:
        thing = {
            "module": module,
            "class_name": class_name,
            "config": {"name": "trap"},
            "registered_name": None,
        }
        return archive(folder / "file.keras", sequential(thing, DENSE))

    return write


# Paths


def vocabulary(folder: Path) -> Path:
    config = {"vocabulary": str(secret(folder)), "num_oov_indices": 1}
    return archive(folder / "file.keras", sequential(layer("StringLookup", "trap", **config)))


def vectorization(folder: Path) -> Path:
    config = {"vocabulary": str(secret(folder)), "output_mode": "int"}
    return archive(folder / "file.keras", sequential(layer("TextVectorization", "trap", **config)))


# HDF5


def with_hdf5(change: Callable[[h5py.File, h5py.Group, Path], None]) -> Write:
    """A good model, changed while its file is open."""

    def write(folder: Path) -> Path:
        path = folder / "file.h5"
        with h5py.File(path, "w") as file:
            change(file, fill(file), folder)
        return path

    return write


def external_link(file: h5py.File, group: h5py.Group, folder: Path) -> None:
    with h5py.File(folder / "other.h5", "w") as other:
        other["kernel"] = np.ones((4, 3), "f4")
    del group["kernel:0"]
    group["kernel:0"] = h5py.ExternalLink(str(folder / "other.h5"), "/kernel")


def soft_link(target: str) -> Write:
    def change(file: h5py.File, group: h5py.Group, folder: Path) -> None:
        group.move("kernel:0", "moved:0")
        group["kernel:0"] = h5py.SoftLink(target)

    return with_hdf5(change)


def soft_link_out(file: h5py.File, group: h5py.Group, folder: Path) -> None:
    external_link(file, group, folder)
    group["door"] = h5py.SoftLink("kernel:0")


def hard_link_loop(file: h5py.File, group: h5py.Group, folder: Path) -> None:
    group["loop"] = file["model_weights"]


def external_storage(file: h5py.File, group: h5py.Group, folder: Path) -> None:
    del group["bias:0"]
    group.create_dataset("bias:0", (3,), "f4", external=[(str(secret(folder)), 0, 12)])


def virtual(file: h5py.File, group: h5py.Group, folder: Path) -> None:
    with h5py.File(folder / "other.h5", "w") as other:
        other["kernel"] = np.ones((4, 3), "f4")
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "kernel", (4, 3))
    del group["kernel:0"]
    group.create_virtual_dataset("kernel:0", layout)


def references(file: h5py.File, group: h5py.Group, folder: Path) -> None:
    data = group.create_dataset("refs", (2,), dtype=h5py.ref_dtype)
    data[0], data[1] = data.ref, group.ref


def region_references(file: h5py.File, group: h5py.Group, folder: Path) -> None:
    data = group.create_dataset("refs", (1,), dtype=h5py.regionref_dtype)
    data[0] = group["kernel:0"].regionref[0:2]


def attribute_reference(file: h5py.File, group: h5py.Group, folder: Path) -> None:
    group.attrs.create("me", group.ref, dtype=h5py.ref_dtype)


def of_type(dtype: Any) -> Write:
    def change(file: h5py.File, group: h5py.Group, folder: Path) -> None:
        group.create_dataset("odd", (2,), dtype=dtype)[...] = np.zeros(2, dtype) if dtype != STRINGS else b"a"

    return with_hdf5(change)


STRINGS = h5py.string_dtype()


def vlen(file: h5py.File, group: h5py.Group, folder: Path) -> None:
    group.create_dataset("odd", (1,), dtype=h5py.vlen_dtype(np.float32))[0] = np.ones(2, "f4")


def huge(file: h5py.File, group: h5py.Group, folder: Path) -> None:
    del group["kernel:0"]
    group.create_dataset("kernel:0", (1 << 17, 1 << 17), "f4")


def forty_large(file: h5py.File, group: h5py.Group, folder: Path) -> None:
    """Each just below 4 GiB, none of them ever written."""
    for index in range(40):
        group.create_dataset(f"large{index}", ((1 << 30) - 1,), "f4", chunks=(1 << 20,), compression="gzip")


def never_written(file: h5py.File, group: h5py.Group, folder: Path) -> None:
    del group["kernel:0"]
    group.create_dataset("kernel:0", (4, 3), "f4")


def half_written(file: h5py.File, group: h5py.Group, folder: Path) -> None:
    group.create_dataset("half", (8, 3), "f4", chunks=(4, 3))[:4] = 1


def bomb(file: h5py.File, group: h5py.Group, folder: Path) -> None:
    """Zeros shrink a thousandfold."""
    group.create_dataset("zeros", (1 << 26,), "f4", chunks=(1 << 22,), compression="gzip")[...] = 0


def shared_bytes(file: h5py.File, group: h5py.Group, folder: Path) -> None:
    group.create_dataset("big piece", (4, 4), "f4", maxshape=(None, None), chunks=(1 << 13, 1 << 13))


def filter_of(**options: Any) -> Write:
    def change(file: h5py.File, group: h5py.Group, folder: Path) -> None:
        group.create_dataset("packed", data=np.ones((64, 64), "f4"), **options)

    return with_hdf5(change)


def gzip_twice(file: h5py.File, group: h5py.Group, folder: Path) -> None:
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((64, 64))
    plan.set_deflate(9)
    plan.set_deflate(9)
    space = h5py.h5s.create_simple((64, 64))
    data = h5py.h5d.create(group.id, b"packed", h5py.h5t.IEEE_F32LE, space, plan)
    h5py.Dataset(data)[...] = 0


def many_deep(file: h5py.File, group: h5py.Group, folder: Path) -> None:
    for _ in range(150):
        group = group.create_group("deeper")


# Configurations


def raw(text: str) -> Write:
    return lambda folder: hdf5(folder / "file.h5", raw=text)


def dense_config(**config: Any) -> Write:
    return lambda folder: hdf5(folder / "file.h5", sequential(layer("Dense", "dense", **config)))


def many_layers(folder: Path) -> Path:
    path = folder / "file.h5"
    with h5py.File(path, "w") as file:
        fill(file, {})
        text = json.dumps(
            sequential(*(layer("Activation", f"a{i}", activation="relu") for i in range(20_000)))
        )
        file.attrs.create("model_config", text, dtype=h5py.string_dtype())
    return path


def nested(depth: int) -> Write:
    def write(folder: Path) -> Path:
        config = GOOD
        for index in range(depth):
            config = {"class_name": "Sequential", "config": {"name": f"m{index}", "layers": [config]}}
        return hdf5(folder / "file.h5", config)

    return write


def constant(folder: Path) -> Path:
    thing = {"class_name": "__numpy__", "config": {"value": ["a"], "dtype": "<U1000000000"}}
    return archive(folder / "file.keras", sequential(layer("Lambda", "trap", arguments={"y": thing})))


def nested_compile(folder: Path) -> Path:
    """What an inner model was compiled with is made even when the outer one is not compiled."""
    inner = keras3(GOOD) | {"compile_config": {"loss": function("set_floatx", "keras.config")}}
    return archive(folder / "file.keras", sequential(inner))


# YAML


def yaml(text: str) -> Write:
    def write(folder: Path) -> Path:
        path = folder / "file.yaml"
        path.write_text(text.replace("MARK", str(mark(folder))))
        return path

    return write


def laughs() -> str:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 600)]
    return "\n".join(lines)


# Archives


def member(name: str, content: bytes = b"x") -> Write:
    return lambda folder: archive(folder / "file.keras", members={name: content})


def twice(folder: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return archive(folder / "file.keras", members={"config.json": json.dumps(GOOD).encode()})


def with_info(change: Callable[[zipfile.ZipInfo], None], content: bytes = b"/etc/passwd") -> Write:
    def write(folder: Path) -> Path:
        path = archive(folder / "file.keras")
        info = zipfile.ZipInfo("assets/words.txt")
        change(info)
        with zipfile.ZipFile(path, "a") as file:
            file.writestr(info, content)
        return path

    return write


def as_symlink(info: zipfile.ZipInfo) -> None:
    info.create_system = 3
    info.external_attr = 0o120777 << 16


def encrypted(folder: Path) -> Path:
    path = member("assets/words.txt")(folder)
    content = bytearray(path.read_bytes())
    begin = content.rindex(b"PK\x01\x02")
    flags = struct.unpack_from("<H", content, begin + 8)[0]
    struct.pack_into("<H", content, begin + 8, flags | 1)
    path.write_bytes(content)
    return path


def zip_bomb(folder: Path) -> Path:
    path = archive(folder / "file.keras")
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file,
        file.open("assets/words.txt", "w") as words,
    ):
        for _ in range(256):
            words.write(bytes(1 << 20))
    return path


def many_members(folder: Path) -> Path:
    return archive(folder / "file.keras", members={f"assets/{i}": b"" for i in range(10_001)})


def lzma_member(folder: Path) -> Path:
    path = archive(folder / "file.keras")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_LZMA) as file:
        file.writestr("assets/words.txt", b"words")
    return path


def inner_weights(change: Callable[[h5py.File, h5py.Group, Path], None]) -> Write:
    """An archive whose weights are hostile."""

    def write(folder: Path) -> Path:
        path = folder / "inner.h5"
        path.write_bytes(weights_content())
        with h5py.File(path, "a") as file:
            group = file["layers/dense/vars"]
            group.move("0", "kernel:0")
            group.move("1", "bias:0")
            change(file, group, folder)
        return archive(folder / "file.keras", weights=path.read_bytes())

    return write


HOSTILE: dict[str, tuple[Write, str]] = {
    # Lambda layers and other marshalled code
    "lambda in HDF5": (
        lambda_hdf5("function"),
        r"layer 'trap' holds Python code as its function.*allow_code",
    ),
    "lambda as output_shape": (lambda_hdf5("output_shape"), r"'trap' holds Python code as its output_shape"),
    "lambda as mask": (lambda_hdf5("mask"), r"'trap' holds Python code as its mask"),
    "lambda in .keras": (
        lambda_keras("function"),
        r"layer 'trap' holds Python code as its function.*allow_code",
    ),
    "shape lambda in .keras": (lambda_keras("output_shape"), r"'trap' holds Python code as its output_shape"),
    "lambda of Python 3.6": (
        old_lambda,
        r"bytecode of Python 3\.0 to 3\.7; this Python could not even run it",
    ),
    "lambda named os.system": (lambda_by_name, r"names the function 'system' as its function"),
    "set_floatx": (
        named("set_floatx", "keras.config"),
        r"keras\.config\.set_floatx, which is not one of tensors",
    ),
    "set_dtype_policy": (named("set_dtype_policy", "keras.config"), r"keras\.config\.set_dtype_policy"),
    "set_image_data_format": (named("set_image_data_format", "keras.config"), "set_image_data_format"),
    "set_random_seed": (named("set_random_seed", "keras.utils"), r"keras\.utils\.set_random_seed"),
    "get_file": (named("get_file", "keras.utils"), r"keras\.utils\.get_file"),
    "os.system": (named("system", "os"), r"names the function os\.system"),
    "eval": (named("eval", "builtins"), r"names 'eval', which Keras does not have"),
    "TorchModuleWrapper": (one_layer_keras("TorchModuleWrapper", module="x"), "a pickled PyTorch module"),
    "TFSMLayer": (one_layer_keras("TFSMLayer", filepath="/tmp/m"), "a SavedModel that lies outside the file"),
    "JaxLayer": (one_layer_keras("JaxLayer", call_fn="x"), "a JAX program"),
    "FlaxLayer": (one_layer_keras("FlaxLayer"), "a Flax program"),
    "TFOpLambda": (one_layer("TFOpLambda", function="io.read_file"), r"TensorFlow's 'io\.read_file'"),
    # Classes and modules outside the allow-list
    "unknown class": (one_layer("Scale"), r"names 'Scale', which Keras does not have.*custom_objects = "),
    "subprocess.Popen": (of_module("Popen", "subprocess"), r"names 'Popen' of subprocess"),
    "a class of keras.utils": (of_module("FeatureSpace", "keras.utils"), r"names 'FeatureSpace'"),
    "keras.src function": (of_module("load_model", "keras.saving"), r"names 'load_model'"),
    "a module that is a list": (one_layer("Dense", activation="my_act"), r"'my_act' for its activation"),
    "compiled inner model": (nested_compile, r"keras\.config\.set_floatx"),
    "dtype of a constant": (constant, r"dtype '<U1000000000'"),
    # Paths
    "vocabulary path": (
        vocabulary,
        r"layer 'trap' has the vocabulary '.*secret\.txt', a file or address outside",
    ),
    "vectorization path": (vectorization, r"has the vocabulary '.*secret\.txt'"),
    "bucket": (
        one_layer("TextVectorization", idf_weights="gs://b/x"),
        r"idf_weights 'gs://b/x', a file or addr",
    ),
    "address": (one_layer("Dense", units=3, note="https://evil.example/x"), r"has the note 'https://evil"),
    # Links, storage and references in HDF5
    "external link": (
        with_hdf5(external_link),
        r"is an external link, to '/kernel' in the file '.*other\.h5'",
    ),
    "soft link": (
        soft_link("/model_weights/dense/dense/moved:0"),
        r"'.*kernel:0' is a soft link to .* never writes",
    ),
    "dangling link": (
        soft_link("/nowhere/at/all"),
        r"is a soft link to '/nowhere/at/all', which is not there",
    ),
    "cyclic link": (soft_link("kernel:0"), r"which leads back to itself"),
    "soft link out": (
        with_hdf5(soft_link_out),
        r"door' is a soft link to 'kernel:0', which leads out of the file",
    ),
    "hard link loop": (
        with_hdf5(hard_link_loop),
        r"loop' leads to an object that another link holds already",
    ),
    "external storage": (with_hdf5(external_storage), r"external storage, the file '.*secret\.txt'"),
    "virtual dataset": (with_hdf5(virtual), r"is virtual: its numbers lie in '.*other\.h5'"),
    "object references": (with_hdf5(references), r"refs' holds references to other objects"),
    "region references": (with_hdf5(region_references), r"refs' holds references to other objects"),
    "attribute reference": (with_hdf5(attribute_reference), r"attribute 'me' of .* holds references"),
    # Sizes, filters and types in HDF5
    "64 GiB shape": (
        with_hdf5(huge),
        r"declares the shape \(131072, 131072\), 68,719,476,736 bytes, in a file of",
    ),
    "forty of 4 GiB": (with_hdf5(forty_large), r"declares the shape \(1073741823,\)"),
    "never written": (with_hdf5(never_written), r"was never written; its numbers would read as zeros"),
    "half written": (with_hdf5(half_written), r"of which 1 of 2 pieces were written"),
    "compression bomb": (with_hdf5(bomb), r"zeros' declares the shape \(67108864,\), 268,435,456 bytes"),
    "large pieces": (with_hdf5(shared_bytes), r"stored in pieces of the shape \(8192, 8192\)"),
    "lzf": (filter_of(compression="lzf"), r"packed by the filter 32000; expected gzip"),
    "scale-offset": (filter_of(scaleoffset=2), r"packed by the filter 6"),
    "gzip twice": (with_hdf5(gzip_twice), r"packed by gzip and gzip; expected each filter once"),
    "compound": (of_type(np.dtype([("a", "f4"), ("b", "i4")])), r"odd' holds values of HDF5's type compound"),
    "opaque": (of_type(np.dtype("V64")), r"odd' holds opaque values of 64 bytes"),
    "free texts": (of_type(STRINGS), r"odd' holds texts of free length"),
    "lists": (with_hdf5(vlen), r"odd' holds values of HDF5's type vlen"),
    "deep groups": (with_hdf5(many_deep), r"lies 100 groups deep"),
    # Sizes and nesting in configurations
    "brackets": (
        raw('{"class_name": ' + "[" * 5000 + "]" * 5000 + "}"),
        r"nests lists and objects more than 100",
    ),
    "nested models": (nested(60), r"nests lists and objects more than 100 deep"),
    "20,000 layers": (many_layers, r"the architecture has more than 5,000 layers"),
    "two thousand million units": (
        dense_config(units=2_000_000_000),
        r"'dense' needs at least 2,000,000,000 param",
    ),
    "wide convolution": (
        one_layer("Conv2D", filters=10**6, kernel_size=[9, 9]),
        "needs at least 81,000,000 param",
    ),
    "wide recurrence": (one_layer("LSTM", units=10**5), r"'trap' needs at least 40,000,000,000 parameters"),
    "wide embedding": (
        one_layer("Embedding", input_dim=10**6, output_dim=10**4),
        r"at least 10,000,000,000 param",
    ),
    "repeat bomb": (
        one_layer("RepeatVector", n=10**10),
        r"'trap' makes at least 10,000,000,000 numbers of each row",
    ),
    "upsampling bomb": (one_layer("UpSampling2D", size=[10**5, 10**5]), r"at least 10,000,000,000 numbers"),
    "padding bomb": (
        one_layer("ZeroPadding2D", padding=[[0, 10**5], [10**5, 0]]),
        "at least 10,000,000,000 numb",
    ),
    "resizing bomb": (one_layer("Resizing", height=10**5, width=10**5), r"at least 10,000,000,000 numbers"),
    "wide input": (
        one_layer("InputLayer", batch_input_shape=[None, 10**10]),
        r"at least 10,000,000,000 numbers",
    ),
    # YAML
    "YAML call": (
        yaml("a: !!python/object/apply:os.system ['touch MARK']"),
        r"tag !!python/object/apply:os\.system",
    ),
    "YAML name": (yaml("a: !!python/name:os.system"), r"tag !!python/name:os\.system"),
    "YAML module": (yaml("a: !!python/module:os"), r"tag !!python/module:os"),
    "YAML laughs": (yaml(laughs()), r"repeats parts of itself 1198 times"),
    "deep YAML": (yaml("a: " + "[" * 500 + "]" * 500), r"nests lists and objects more than 100 deep"),
    # Archives
    "path traversal": (member("../../MARK"), r"member '\.\./\.\./MARK' leads out of the archive"),
    "windows traversal": (member("assets/..\\..\\MARK"), r"leads out of the archive"),
    "absolute name": (member("/tmp/MARK"), r"member '/tmp/MARK' has an absolute path"),
    "drive": (member("C:MARK"), r"has an absolute path"),
    "unexpected member": (member("hook.py", b"import os"), r"member 'hook\.py' is unexpected; Keras writes"),
    "a member twice": (twice, r"member 'config\.json' is there 2 times"),
    "symbolic link": (with_info(as_symlink), r"member 'assets/words\.txt' is a symbolic link"),
    "encrypted member": (encrypted, r"member 'assets/words\.txt' is encrypted"),
    "zip bomb": (zip_bomb, r"would unpack to 268,435,456 bytes from"),
    "many members": (many_members, r"has 10,004 members"),
    "lzma": (lzma_member, r"packed by method 14; expected stored or deflated"),
    "external link inside": (inner_weights(external_link), r"is an external link, to '/kernel'"),
    "external storage inside": (inner_weights(external_storage), r"external storage, the file '.*secret"),
    "never written inside": (inner_weights(never_written), r"was never written"),
}


def left_behind(folder: Path) -> bool:
    """Whether the file's code ran."""
    return mark(folder).exists() or os.path.exists("/tmp/MARK")
