"""What is let through, and what an operator's permission changes."""

import base64
import importlib
import inspect
import marshal
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from horngate.contract.errors import LoadError
from horngate.zoo.safety import Danger, Limits, Permission, check, examine
from horngate.zoo.safety.functions import ACTIVATIONS, PURE
from horngate.zoo.safety.known import FOREIGN, LAYERS, OF_APPLICATIONS, OWN, SETTINGS
from tests.integration.models import save_all
from tests.zoo.safety.files import DENSE, archive, fill, hdf5, layer, sequential
from tests.zoo.safety.hostile import function, lambda_hdf5, lambda_keras, mark, old_lambda

CORPUS = next((path for above in Path(__file__).parents if (path := above / "shared/corpus").is_dir()), None)


def test_what_keras_writes_passes(saved, tmp_path):
    save_all(tmp_path / "models")
    models = (path for path in (tmp_path / "models").rglob("*.*") if path.suffix != ".toml")
    paths = [*saved.iterdir(), *models]
    assert len(paths) >= 8
    for path in paths:
        assert check(path).all == ()


def test_every_precision_passes(tmp_path):
    for dtype in ("bfloat16", "float16", "float64", "mixed_float16"):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3, dtype=dtype)])
        model.save(tmp_path / "model.keras")
        assert check(tmp_path / "model.keras").all == ()
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    model.layers[0].quantize("int8")
    model.save(tmp_path / "model.keras")
    assert check(tmp_path / "model.keras").all == ()


def test_operations_and_named_functions_pass(tmp_path):
    x = keras.Input((4,))
    y = layers.Lambda(keras.activations.relu)(keras.ops.reshape(keras.ops.expand_dims(x, 1) * 2, (-1, 4)))
    y = layers.TimeDistributed(layers.Activation(keras.activations.gelu))(layers.RepeatVector(3)(y[:, 0:3]))
    keras.Model(x, y).save(tmp_path / "model.keras")
    assert check(tmp_path / "model.keras").all == ()


def test_words_in_a_vocabulary_are_no_paths(tmp_path):
    words = layers.TextVectorization(vocabulary=["/etc/passwd", "https://example.com", "../up"])
    keras.Sequential([keras.Input((1,), dtype="string"), words]).save(tmp_path / "words.keras")
    assert check(tmp_path / "words.keras").all == ()


def test_what_the_outer_model_was_compiled_with_does_not_matter(tmp_path):
    config = sequential(layer("Dense", "dense", units=3)) | {
        "compile_config": {"loss": function("mine", "mine")}
    }
    assert check(archive(tmp_path / "compiled.keras", config)).all == ()


@pytest.mark.skipif(CORPUS is None, reason="the corpus of old files is not beside this checkout")
def test_old_files_pass():
    permission = Permission(custom_objects=frozenset(("Scale", "my_act")))
    files = [path for suffix in ("h5", "json", "yaml") for path in CORPUS.glob(f"*/*.{suffix}")]
    noted = {}
    for path in files:
        if path.name != "gen.json":
            found = examine(path, permission=permission)
            assert found.unsafe == (), path
            if found.notes:
                noted[f"{path.parent.name}/{path.name}"] = {finding.danger for finding in found.notes}
    assert noted == {f"{version}/lambda.h5": {Danger.CODE} for version in ("k213", "k231", "tf115", "tf26")}


def test_every_layer_of_the_installed_keras_is_known():
    own = {name for name, value in vars(layers).items() if inspect.isclass(value)} - {"Layer", "InputSpec"}
    assert own - LAYERS - set(FOREIGN) == set()


def test_the_layers_that_the_applications_keep_for_themselves_are_known():
    folder = Path(keras.src.applications.__file__).parent
    names = sorted(path.stem for path in folder.glob("*.py") if not path.stem.endswith("_test"))
    modules = [importlib.import_module(f"keras.src.applications.{name}") for name in names]
    found = {
        name
        for module in modules
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, layers.Layer) and value.__module__ == module.__name__
    }
    assert found
    assert found <= OF_APPLICATIONS


def test_every_setting_and_function_of_the_installed_keras_is_known():
    for module in (keras.initializers, keras.regularizers, keras.constraints, keras.dtype_policies):
        classes = {name for name, value in vars(module).items() if inspect.isclass(value)}
        assert classes - SETTINGS - {"Initializer", "Regularizer", "Constraint"} == set()
    functions = {name for name in vars(keras.activations) if not name.startswith("_")}
    assert functions - ACTIVATIONS == {"deserialize", "get", "serialize"}
    public = {name for module in (keras.ops, keras.activations, keras.backend) for name in dir(module)}
    old = {
        "l2_normalize",
        "batch_flatten",
        "reduce_max",
        "reduce_mean",
        "reduce_min",
        "reduce_prod",
        "reduce_sum",
    }
    assert PURE - public == old


@pytest.mark.parametrize("write", [lambda_hdf5("function"), lambda_keras("output_shape")])
def test_allowed_code_is_told_and_still_not_run(write, tmp_path):
    findings = check(write(tmp_path), permission=Permission(allow_code=True))
    assert [finding.danger for finding in findings.notes] == [Danger.CODE]
    assert "the operator allowed" in str(findings.notes[0])
    assert not mark(tmp_path).exists()


def test_code_of_another_python_is_refused_by_its_name_even_where_code_is_allowed(tmp_path):
    with pytest.raises(LoadError, match=r"bytecode of Python 3\.0 to 3\.7; this Python cannot run that"):
        check(old_lambda(tmp_path), permission=Permission(allow_code=True))


def test_the_operators_own_names_pass(tmp_path):
    config = sequential(
        layer("Scale", "scale", factor=2.0),
        layer("Activation", "act", activation="my_act"),
        {"class_name": "Mine", "registered_name": "pkg>Mine", "config": {"name": "mine"}},
    )
    path = hdf5(tmp_path / "custom.h5", config)
    assert len(examine(path).unsafe) == 3
    named = frozenset(("Scale", "my_act", "Mine"))
    assert check(path, permission=Permission(custom_objects=named)).all == ()


def test_a_registered_name_hides_no_other_class(tmp_path):
    hidden = {"class_name": "TorchModuleWrapper", "registered_name": "pkg>Mine", "config": {"name": "mine"}}
    path = hdf5(tmp_path / "hidden.h5", sequential(hidden, DENSE))
    with pytest.raises(LoadError, match="a pickled PyTorch module"):
        check(path, permission=Permission(custom_objects=frozenset(("Mine",))))


@pytest.mark.parametrize("registered", ["horngate>Nothing", "pkg>Mine"])
def test_a_registered_name_that_nobody_knows_opens_no_other_door(registered, tmp_path):
    """Keras goes on to the module and the name where it finds nothing registered."""
    hidden = {
        "class_name": "set_floatx",
        "module": "keras.config",
        "registered_name": registered,
        "config": {},
    }
    path = archive(tmp_path / "hidden.keras", sequential(layer("Lambda", "trap", function=hidden), DENSE))
    with pytest.raises(LoadError, match="names 'set_floatx'"):
        check(path, permission=Permission(custom_objects=frozenset(("Mine",))))


def test_the_refusal_lists_every_unknown_name_and_the_line_that_would_allow_them(tmp_path):
    mine = [layer(f"Mine{i}", f"m{i}") for i in range(6)]
    path = hdf5(tmp_path / "custom.h5", sequential(*mine, layer("Activation", "act", activation="my_act")))
    with pytest.raises(LoadError) as caught:
        check(path)
    told = str(caught.value)
    assert "it names 7 things that Keras does not have: 'Mine0' (layer 'm0'); 'Mine1' (layer 'm1');" in told
    assert "'my_act' (layer 'act'); if they are yours" in told
    names = ", ".join(f'"your_module:{name}"' for name in (*(f"Mine{i}" for i in range(6)), "my_act"))
    assert told.endswith(f"custom_objects = [{names}]")


def test_nan_is_told_and_not_refused(tmp_path):
    with h5py.File(tmp_path / "nan.h5", "w") as file:
        fill(file)["kernel:0"][1, 1:] = np.nan, np.inf
    (note,) = check(tmp_path / "nan.h5").notes
    assert note.danger is Danger.VALUE
    assert str(note).startswith(
        "dataset '/model_weights/dense/dense/kernel:0' holds 2 NaN or infinite numbers of 12"
    )


def test_limits_are_the_callers(tmp_path):
    path = hdf5(tmp_path / "good.h5")
    with pytest.raises(LoadError, match="expected at most 16"):
        check(path, limits=Limits(declared_bytes=16))
    with pytest.raises(LoadError, match="has more than 1 layers"):
        check(path, limits=Limits(layers=1))


def test_yaml_of_old_kerases_is_plain_data(tmp_path):
    path = tmp_path / "old.yaml"
    path.write_text(
        "class_name: Sequential\nconfig:\n- class_name: Dense\n  config:\n    name: dense\n    units: 3\n"
        "    batch_input_shape: !!python/tuple [null, 4]\n    input_dim: "
        "!!python/object/apply:numpy.core.multiarray.scalar\n    - !!python/object/apply:numpy.dtype\n      args: "
        "[i8, 0, 1]\n    - !!binary |\n      EAAAAAAAAAA=\n"
    )
    assert check(path).all == ()


@pytest.mark.parametrize(
    "content", [b"", b"notes", b"PK\x03\x04 no archive", b"\x89HDF\r\n\x1a\n no tree", b"{no"]
)
def test_what_is_no_model_is_an_error_of_its_own(content, tmp_path):
    (tmp_path / "model.h5").write_bytes(content)
    with pytest.raises(LoadError, match=r"damaged|expected a Keras model|is not JSON"):
        check(tmp_path / "model.h5")


def test_the_python_that_wrote_code_is_told():
    from horngate.zoo.safety.bytecode import is_of_this_python, python_of

    text = base64.b64encode(marshal.dumps((lambda x: x + 1).__code__)).decode()
    assert is_of_this_python(text)
    assert python_of(text).startswith("Python 3.1")
    assert python_of("") == "an unknown Python"
    python_2 = b"c" + bytes([1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 67, 0, 0, 0]) + b"s\x05\0\0\0|\0\0d\0"
    assert python_of(base64.b64encode(python_2).decode()) == "Python 2"


def test_what_horngate_saves_of_an_upgraded_model_passes(tmp_path):
    from horngate.zoo.files.legacy import LEGACY, Formula, ThresholdedReLU, hard_sigmoid

    assert all(name.startswith(OWN) for name in LEGACY)
    formula = {"do": "multiply", "of": [{"input": True}, {"value": 2.0}]}
    steps = [layers.Reshape((2, 2)), layers.LSTM(3, recurrent_activation=hard_sigmoid)]
    network = [keras.Input((4,)), Formula(formula), ThresholdedReLU(), *steps]
    keras.Sequential(network).save(tmp_path / "model.keras")
    assert check(tmp_path / "model.keras").all == ()
