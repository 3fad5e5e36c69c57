"""The registry says of each network what `keras.applications` says: nothing of it may drift."""

import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn
from urllib.parse import urlsplit

import keras
import numpy as np
import pytest
from keras.src.applications import imagenet_utils, resnet
from keras.src.utils import file_utils

from horngate.contract.errors import LoadError
from horngate.zoo.registry import Network, WeightFile, all_networks, find, names
from horngate.zoo.registry.sizes import SIZES
from tests.zoo.registry.table import read_table, table

FORMER = ("ResNeXt50", "ResNeXt101")
TODAYS = [network for network in all_networks() if network.keras_name not in FORMER]


each_network = pytest.mark.parametrize("network", TODAYS, ids=lambda network: network.name)


class Asked(Exception):
    """Carries what Keras asked for out of a function that would go on to build or download."""


def asked(function: Callable[..., Any], **arguments: Any) -> Any:
    with pytest.raises(Asked) as raised:
        function(**arguments)
    return raised.value.args[0]


def function_of(network: Network) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(keras.applications, network.keras_name)
    return function


def module_of(network: Network) -> ModuleType:
    return sys.modules[function_of(network).__module__]


def test_every_network_of_keras_is_there() -> None:
    theirs = {name for name, made in vars(keras.applications).items() if name[0].isupper() and callable(made)}
    assert {network.keras_name for network in all_networks()} == theirs | set(FORMER)
    assert names() == sorted({network.name for network in all_networks()})


@each_network
def test_sizes(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    if network.name.startswith("mobilenet_v3"):
        with pytest.raises(ValueError, match="Input size must be at least 32x32"):
            function_of(network)(weights=None, input_shape=(31, 224, 3))
        assert network.minimum_size == 32
        return

    def stop(_: Any, default_size: int, min_size: int, **__: Any) -> NoReturn:
        raise Asked((default_size, min_size))

    monkeypatch.setattr(imagenet_utils, "obtain_input_shape", stop)
    assert asked(function_of(network)) == (network.default_size, network.minimum_size)


@each_network
def test_preprocessing(network: Network) -> None:
    pixels = np.arange(2 * 2 * 3, dtype=np.float32).reshape(1, 2, 2, 3) * 20
    theirs = module_of(network).preprocess_input(pixels.copy())
    if network.preprocessing == "none":
        np.testing.assert_array_equal(theirs, pixels)
    else:
        ours = imagenet_utils.preprocess_input(pixels.copy(), mode=network.preprocessing)
        np.testing.assert_array_equal(theirs, ours)


@pytest.mark.parametrize("network", all_networks(), ids=lambda network: network.name)
def test_checksums_are_in_the_source_of_keras(network: Network) -> None:
    """Those of ResNeXt are still there, beside the other residual networks'."""
    source = inspect.getsource(resnet if network.name.startswith("res") else module_of(network))
    for file in network.weights:
        assert file.checksum.partition(":")[2] in source, file.name


def test_files_are_those_that_keras_would_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every published width and size of a network that is small; the others are looked at in the slow suite."""
    stop_at_download(monkeypatch)
    for file in find("mobilenet").weights[::9]:
        assert download_of(find("mobilenet"), file) == as_keras_says(file)


@pytest.mark.slow
@pytest.mark.timeout(900)
@each_network
def test_every_file_is_the_one_that_keras_would_download(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at_download(monkeypatch)
    for file in network.weights:
        assert download_of(network, file) == as_keras_says(file)


@pytest.mark.slow
@pytest.mark.timeout(900)
@each_network
def test_parameters(network: Network) -> None:
    assert function_of(network)(weights=None).count_params() == network.published.parameters


def stop_at_download(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(fname: str, origin: str, cache_subdir: str, file_hash: str | None = None) -> NoReturn:
        raise Asked((fname, origin, cache_subdir, file_hash))

    monkeypatch.setattr(file_utils, "get_file", stop)


def download_of(network: Network, file: WeightFile) -> Any:
    arguments: dict[str, Any] = {"include_top": file.include_top, "weights": "imagenet"}
    if network.name.startswith("mobilenet"):
        arguments["alpha"] = file.variant.alpha
        rows = file.variant.rows or network.default_size
        arguments["input_shape"] = (rows, rows, 3)
    if network.name.startswith("mobilenet_v3"):
        arguments["minimalistic"] = file.variant.minimalistic
    return asked(function_of(network), **arguments)


def as_keras_says(file: WeightFile) -> Any:
    return file.name, file.url, "models", file.checksum.partition(":")[2] or None


def test_files_have_names_of_their_own() -> None:
    files = [file for network in all_networks() for file in network.weights]
    assert len({file.name for file in files}) == len({file.url for file in files}) == len(files)
    assert all(urlsplit(file.url).scheme == "https" for file in files)


def test_sizes_are_those_of_files_that_there_are() -> None:
    files = {file.name: network for network in all_networks() for file in network.weights}
    assert SIZES.keys() <= files.keys()
    for name, size in SIZES.items():
        assert size < 4.1 * files[name].published.parameters + 2_000_000


def test_published_accuracies_are_accuracies() -> None:
    for network in all_networks():
        assert 0.6 < network.published.top1 < (network.published.top5 or 1) <= 1


@pytest.mark.parametrize("name", ["resnet50_v2", "ResNet50V2", "resnet50v2", "RESNET-50-V2"])
def test_spellings(name: str) -> None:
    assert find(name).keras_name == "ResNet50V2"


def test_an_unknown_name() -> None:
    with pytest.raises(
        LoadError, match="no network of the zoo is named 'mobilnet2'; near matches: mobilenet"
    ):
        find("mobilnet2")
    with pytest.raises(LoadError, match="`horngate zoo list` shows all"):
        find("qqqq")


def test_the_table_in_the_docs_is_fresh() -> None:
    """`python -m tests.zoo.registry.table` makes it anew."""
    assert read_table() == table()
