"""What Keras 1 wrote on Theano, and its layers that are gone: files written here, answers worked out with NumPy."""

import json

import h5py
import numpy as np
import pytest

from horngate.contract.errors import LoadError
from horngate.zoo.convert import convert
from horngate.zoo.files import open_model
from horngate.zoo.files.upgrade import STEPS

RNG = np.random.default_rng(7)


def some(*shape):
    return RNG.normal(size=shape).astype("f4")


def write(path, layers, weights, *, colon=""):
    """A Sequential model of Keras 1.0.8; Theano's variables have no number behind a colon."""
    config = {
        "class_name": "Sequential",
        "config": [{"class_name": kind, "config": told} for kind, told in layers],
    }
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"1.0.8"
        file.attrs["model_config"] = json.dumps(config).encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights]
        for name, arrays in weights.items():
            stored = group.create_group(name)
            names = [f"{name}_{number}{colon}" for number in range(len(arrays))]
            stored.attrs["weight_names"] = [one.encode() for one in names]
            for one, array in zip(names, arrays, strict=True):
                stored[one] = array
    return path


def answer(path, *inputs):
    model = open_model(path).model
    convert(model)
    return np.asarray(model(list(inputs) if len(inputs) > 1 else inputs[0], training=False))


def theano_convolution(x, kernel, stride, half):
    """Channels first, the kernel turned, `half` a kernel of zeros around, cut to the size that Keras promised."""
    size = kernel.shape[-1]
    padded = np.pad(x, ((0, 0), (0, 0), (half, half), (half, half)))
    turned = kernel[:, :, ::-1, ::-1]
    places = [-(-length // stride) if half else (length - size) // stride + 1 for length in x.shape[2:]]
    out = np.zeros((len(x), len(kernel), *places))
    for i in range(places[0]):
        for j in range(places[1]):
            seen = padded[:, :, i * stride : i * stride + size, j * stride : j * stride + size]
            out[:, :, i, j] = np.einsum("bcij,ocij->bo", seen, turned)
    return out


@pytest.mark.parametrize(
    ("size", "stride", "border"),
    [(3, 1, "valid"), (3, 1, "same"), (3, 2, "same"), (2, 1, "same"), (4, 2, "same")],
)
def test_a_convolution_of_theano(size, stride, border, tmp_path) -> None:
    # No size equals the number of filters: eager Keras on TensorFlow then adds channels-first biases wrongly.
    kernel, bias, x = some(9, 3, size, size), some(9), some(2, 3, 8, 7)
    told = {
        "name": "c",
        "batch_input_shape": [None, 3, 8, 7],
        "nb_filter": 9,
        "nb_row": size,
        "nb_col": size,
        "border_mode": border,
        "subsample": [stride, stride],
        "dim_ordering": "th",
        "activation": "linear",
    }
    path = write(tmp_path / "old.h5", [("Convolution2D", told)], {"c": [kernel, bias]})
    expected = theano_convolution(x, kernel, stride, size // 2 if border == "same" else 0)
    assert np.allclose(answer(path, x), expected + bias[:, None, None], atol=1e-5)


def test_a_convolution_over_steps_as_keras_1_0_stored_it(tmp_path) -> None:
    kernel, x = some(4, 3, 2, 1), some(2, 6, 3)
    told = {
        "name": "c",
        "batch_input_shape": [None, 6, 3],
        "nb_filter": 4,
        "filter_length": 2,
        "border_mode": "valid",
        "subsample_length": 1,
        "bias": False,
        "activation": "linear",
    }
    path = write(tmp_path / "old.h5", [("Convolution1D", told)], {"c": [kernel]}, colon=":0")
    seen = np.stack([x[:, at : at + 2] for at in range(5)], axis=1)
    assert np.allclose(answer(path, x), np.einsum("bplc,ocl->bpo", seen, kernel[..., 0]), atol=1e-5)


def test_a_recurrent_convolution_that_theano_padded_otherwise_is_refused(tmp_path) -> None:
    told = {
        "name": "c",
        "batch_input_shape": [None, 3, 2, 8, 8],
        "nb_filter": 2,
        "nb_row": 2,
        "nb_col": 2,
        "border_mode": "valid",
        "dim_ordering": "th",
    }
    path = write(tmp_path / "old.h5", [("ConvLSTM2D", told)], {"c": [some(2)]})
    with pytest.raises(LoadError, match=r"layer 'c' is a ConvLSTM2D of Theano's with kernel_size=\[2, 2\]"):
        open_model(path)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def maxout(x, kernel, bias):
    return (np.einsum("bi,fio->bfo", x, kernel) + bias).max(axis=1)


def highway(x, kernel, carry, bias, carry_bias):
    through = sigmoid(x @ carry + carry_bias)
    return np.tanh(x @ kernel + bias) * through + (1 - through) * x


def srelu(x, t_left, a_left, t_right, a_right):
    right = t_left + abs(t_right)
    return np.where(
        x < t_left, t_left + a_left * (x - t_left), np.where(x > right, right + a_right * (x - right), x)
    )


def softplus(x, alphas, betas):
    return alphas * np.log1p(np.exp(betas * x))


def samplewise(x, gamma, beta, mean, std):
    spread = np.sqrt(x.var(axis=-1, keepdims=True) + 0.01) + 0.01
    return gamma * (x - x.mean(axis=-1, keepdims=True)) / spread + beta


GONE = [
    ("MaxoutDense", {"output_dim": 3, "nb_feature": 2, "bias": True}, [(2, 4, 3), (2, 3)], maxout),
    ("Highway", {"activation": "tanh", "bias": True}, [(4, 4), (4, 4), (4,), (4,)], highway),
    ("SReLU", {"t_left_init": "zero", "shared_axes": [None]}, [(4,)] * 4, srelu),
    (
        "ParametricSoftplus",
        {"alpha_init": 0.2, "beta_init": 5.0, "shared_axes": None},
        [(4,), (4,)],
        softplus,
    ),
    ("BatchNormalization", {"mode": 1, "epsilon": 0.01, "axis": -1}, [(4,)] * 4, samplewise),
]


@pytest.mark.parametrize(("kind", "told", "shapes", "formula"), GONE, ids=[case[0] for case in GONE])
def test_a_layer_that_is_gone(kind, told, shapes, formula, tmp_path) -> None:
    arrays, x = [some(*shape) for shape in shapes], some(5, 4)
    layer = (kind, {"name": "it", "batch_input_shape": [None, 4], **told})
    path = write(tmp_path / "old.h5", [layer], {"it": arrays}, colon=":0")
    assert np.allclose(answer(path, x), formula(x, *arrays), atol=1e-5)


def dense(name, outputs, inputs=None):
    shape = {} if inputs is None else {"batch_input_shape": [None, inputs]}
    return {
        "class_name": "Dense",
        "config": {"name": name, "output_dim": outputs, "activation": "linear", **shape},
    }


@pytest.mark.parametrize("mode", ["concat", "cos"])
def test_branches_and_models_inside_of_one(mode, tmp_path) -> None:
    """Keras 1 stored the weights of inner models layer by layer, as if they were the outer one's."""
    branches = [
        {"class_name": "Sequential", "config": [dense("a", 3, 2)]},
        {"class_name": "Sequential", "config": [dense("b", 3, 4)]},
    ]
    merge = {
        "name": "m",
        "mode": mode,
        "mode_type": "raw",
        "concat_axis": -1,
        "dot_axes": 1,
        "layers": branches,
    }
    inner = ("Sequential", [dense("c", 2, 6 if mode == "concat" else 1)])
    layers = [("Merge", merge)] + ([("Flatten", {"name": "f"})] if mode == "cos" else []) + [inner]
    a, b, c = some(2, 3), some(4, 3), some(6 if mode == "concat" else 1, 2)
    zeros = np.zeros(3, "f4")
    weights = {"a": [a, zeros], "b": [b, zeros], "c": [c, zeros[:2]]}
    path = write(tmp_path / "old.h5", layers, weights, colon=":0")
    x, y = some(5, 2), some(5, 4)
    left, right = x @ a, y @ b
    if mode == "concat":
        merged = np.concatenate([left, right], axis=1)
    else:
        lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
        merged = ((left * right).sum(axis=1) / lengths)[:, None]
    assert np.allclose(answer(path, x, y), merged @ c, atol=1e-5)


def test_every_step_has_a_name_of_its_own() -> None:
    assert len({step.name for step in STEPS}) == len(STEPS)
