"""`horngate layers` against a server; what it draws is looked at in tests/client/drawing."""

import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from horngate.cli.main import main
from horngate.oip import messages as oip
from horngate.oip.codec import encode_tensor
from horngate.v1 import horngate_pb2 as v1
from tests.client.conftest import fake, spec

LAYERS = {
    "maps": lambda image: np.concatenate([image, -image], -1),
    "steps": lambda image: image[..., 0],
    "volume": lambda image: np.stack([image, image], 1),
}
CAMERA = fake(
    spec("image", "FP32", 12, 10, 3), outputs={"probs": lambda image: image.mean((1, 2))}, layers=LAYERS
)


@pytest.fixture
def layers(server, capsys, tmp_path):
    """Run `horngate layers` against the server; its status, errors, and the file it wrote."""
    server.models["camera"] = CAMERA
    Image.fromarray(np.full((30, 40, 3), (255, 0, 51), np.uint8)).save(tmp_path / "red.png")

    def run(*arguments, out="out.svg"):
        given = [str(tmp_path / "red.png") if one == "IMAGE" else one for one in arguments]
        status = main(
            ["layers", *given, "--out", str(tmp_path / out), "--server", server.address, "--timeout", "5"]
        )
        return status, capsys.readouterr().err, tmp_path / out

    return run


def texts(svg):
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg.read_text())


def test_the_graph_names_every_layer_with_what_it_makes_and_holds(layers):
    status, err, svg = layers("iris")
    assert (status, err) == (0, "")
    written = texts(svg)
    assert written[:2] == ["iris", "iris.h5  ·  3 layers  ·  60 parameters"]
    for name in ("probs", "hidden", "wide"):
        at = written.index(name)
        assert written[at : at + 4] == [name, "Dense", "(4,)", "20"]


def test_the_layers_asked_for_are_drawn_from_what_the_server_answers(layers, server):
    sent = []
    maps = {"maps": lambda image: sent.append(image) or image}
    server.models["camera"] = replace(CAMERA, layers=LAYERS | maps)
    status, err, svg = layers("camera", "IMAGE", "--layer", "maps", "--layer", "probs", "--values=-1..1")
    assert (status, err) == (0, "")
    np.testing.assert_allclose(sent[0], np.broadcast_to([1, -1, -0.6], (1, 12, 10, 3)), atol=0.01)
    written = texts(svg)
    assert {"camera  red.png", "the picture at 10 by 12", "maps", "probs", "Dense"} <= set(written)
    assert {"0: 1", "1: -1", "2: -0.6"} <= set(written)


def test_a_model_that_takes_pictures_gets_the_file_itself(layers, server, tmp_path):
    request = v1.DescribeModelRequest(name="camera").SerializeToString()
    described = v1.DescribeModelResponse.FromString(server.unscripted("DescribeModel", request))
    described.image.name = "image"
    server.script["DescribeModel"].extend([described.SerializeToString()] * 3)
    probs = oip.ModelInferResponse(raw_output_contents=[encode_tensor(np.ones((1, 3), "f4"))])
    probs.outputs.add(name="probs", datatype="FP32", shape=[1, 3])
    server.script["ModelInfer"].append(probs.SerializeToString())
    assert layers("camera", "IMAGE", "--layer", "probs")[:2] == (0, "")
    sent = oip.ModelInferRequest.FromString(server.sent[-1])
    assert sent.inputs[0].datatype == "BYTES"
    assert sent.raw_input_contents[0].endswith((tmp_path / "red.png").read_bytes())


@pytest.mark.parametrize("layer", ["maps", "steps", "volume", "probs"])
def test_every_shape_is_drawn_as_png(layers, layer):
    status, err, png = layers("camera", "IMAGE", "--layer", layer, out="out.png")
    assert (status, err) == (0, "")
    assert np.asarray(Image.open(png)).std() > 5
    assert sorted(path.name for path in png.parent.iterdir()) == ["out.png", "red.png"]


@pytest.mark.parametrize(
    ("arguments", "out", "said"),
    [
        (("iris",), "out.gif", "out.gif' ends in '.gif'; expected one of .png, .svg, .pdf"),
        (("iris", "--layer", "probs"), "out.png", "--layer draws what a layer makes of an image; give IMAGE"),
        (("iris", "IMAGE", "--layer", "probs"), "o.png", "has shape (rows, 4); expected pictures, of 1, 3 or 4"),
        (("pair", "IMAGE"), "out.png", "model 'pair' has 2 inputs; expected one, of pictures"),
        (("camera", "IMAGE"), "out.png", "has no layers that make feature maps; name one with --layer"),
        (("camera", "none.png", "--layer", "maps"), "out.png", "'none.png' cannot be read: No such file"),
        (("camera", __file__, "--layer", "maps"), "out.png", "is no picture; expected PNG, JPEG or another"),
        (("camera", "IMAGE", "--channels", "0"), "out.png", "--channels is 0; expected 1 or more"),
        (("camera", "IMAGE", "--layer", "maps"), "no/out.png", "no/out.png' cannot be written: No such file"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_explained(layers, arguments, out, said):
    status, err, path = layers(*arguments, out=out)
    assert status == 1
    assert said in err
    assert not path.exists()
