"""Networks as `--zoo` and `model.toml` name them."""

import pytest

from horngate.contract.errors import LoadError
from horngate.server.zoo_settings import read_networks, with_options


def test_networks_under_their_names() -> None:
    text = "mobilenet_v2,VGG16:classes=10,eyes=resnet50:include_top=false:pooling=avg,"
    assert read_networks(text) == {
        "mobilenet_v2": "mobilenet_v2",
        "VGG16": "VGG16:classes=10",
        "eyes": "resnet50:include_top=false:pooling=avg",
    }
    assert read_networks("") == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("resnet5", "no network of the zoo is named 'resnet5'; near matches: resnet50"),
        ("vgg16:size=3", "unknown option 'size'"),
        (
            "mobilenet:alpha=0.25,mobilenet",
            "two networks are to be served as 'mobilenet'; give one another name, as in mobilenet-2=mobilenet",
        ),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    with pytest.raises(LoadError, match=why):
        read_networks(text)


def test_options_beside_a_source_join_those_behind_it() -> None:
    table = {"source": "zoo:mobilenet:alpha=0.5", "classes": 7, "weights": "none"}
    assert with_options(table) == {"source": "zoo:mobilenet:classes=7:alpha=0.5", "weights": "none"}
    assert with_options({"source": "zoo:MobileNet"}) == {"source": "zoo:MobileNet"}


def test_options_of_nothing() -> None:
    with pytest.raises(LoadError, match="classes, alpha is set; that is for a network of the zoo"):
        with_options({"classes": 7, "alpha": 0.5})
