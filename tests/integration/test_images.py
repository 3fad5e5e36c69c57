"""Pictures in, labels out, through a server."""

import asyncio
import json
import os
import signal
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import h5py
import numpy as np
import pytest
import tritonclient.grpc as triton
from PIL import Image
from tritonclient.utils import InferenceServerException

from horngate.cli.main import main
from horngate.cli.serving import Serving, serving
from horngate.client import AsyncClient, Client, InvalidRequest, Label
from tests.integration.building import build_ahead
from tests.integration.pictures import CONFIGS, NAMES, REFUSED, SIDE, save_all, truth, wanted_by
from tests.integration.processes import cpu_ticks, is_alive, pid_of, until
from tests.zoo.images.pictures import Array, encoded, photograph, png_claiming

FILES = [
    encoded(photograph()),
    encoded(photograph("china.jpg"), "PNG"),
    encoded(photograph().convert("L"), "WEBP"),
    encoded(photograph("china.jpg").resize((33, 90)), "GIF"),
    encoded(photograph().resize((SIDE, SIDE)), "PNG"),
]


@dataclass(frozen=True)
class Fixture:
    server: Serving
    models: dict[str, Any]
    ask: triton.InferenceServerClient
    log: Path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Fixture]:
    workspace = tmp_path_factory.mktemp("images")
    models = save_all(workspace / "models", CONFIGS)
    build_ahead(workspace / "models", cache)
    save_all(workspace / "models", {name: text for name, (text, _) in REFUSED.items()})
    with serving(workspace / "models", workspace=workspace, arguments=("--cache", str(cache))) as server:
        yield Fixture(server, models, triton.InferenceServerClient(server.grpc), workspace / "serve.log")
    assert server.exit_code == 0


def of_files(files: list[bytes], shape: tuple[int, ...] | None = None) -> triton.InferInput:
    """Encoded pictures as an input."""
    array = np.empty(len(files), np.object_)
    array[:] = files
    sent = triton.InferInput("image", shape or [len(files)], "BYTES")
    sent.set_data_from_numpy(array.reshape(shape or -1))
    return sent


def of_array(array: Array, datatype: str) -> triton.InferInput:
    sent = triton.InferInput("image", array.shape, datatype)
    sent.set_data_from_numpy(array)
    return sent


@pytest.mark.parametrize("name", CONFIGS)
def test_pictures_of_every_kind_are_answered_as_keras_answers_them_prepared(
    served: Fixture, name: str
) -> None:
    expected = truth(served.models, name, FILES)
    answer = served.ask.infer(name, [of_files(FILES)]).as_numpy("flower")
    np.testing.assert_allclose(answer, expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("name", CONFIGS)
def test_pixels_and_floats_are_answered_as_pictures_are(served: Fixture, name: str) -> None:
    wanted = wanted_by(name)
    picture = photograph().convert("L" if wanted.channels == 1 else "RGB")
    expected = truth(served.models, name, [encoded(picture, "PNG")])
    large = np.asarray(picture).reshape(1, 427, 640, wanted.channels)
    height, width, _ = wanted.shape
    whole = wanted.recipe.crop is None
    exact = picture.resize((width, height), Image.Resampling[wanted.recipe.resize.upper()]) if whole else None
    sent = [of_array(large, "UINT8")]
    if exact is not None:
        pixels = np.asarray(exact).reshape(1, height, width, wanted.channels)
        sent.append(of_array(pixels, "UINT8"))
        if name != "as_it_is":
            sent.append(of_array(wanted.recipe.scaling.apply(pixels), "FP32"))
    for one in sent:
        np.testing.assert_allclose(
            served.ask.infer(name, [one]).as_numpy("flower"), expected, atol=2e-5, rtol=0
        )


def test_pixels_that_come_together_are_each_answered_as_alone(served: Fixture) -> None:
    shape = (48, *wanted_by("own").shape)
    pixels = np.random.default_rng(5).integers(0, 256, shape, np.uint8)
    expected = served.ask.infer("own", [of_array(pixels, "UINT8")]).as_numpy("flower")

    def ask(one: Array) -> Array:
        return served.ask.infer("own", [of_array(one[None], "UINT8")]).as_numpy("flower")[0]

    with ThreadPoolExecutor(16) as pool:
        np.testing.assert_allclose(list(pool.map(ask, pixels)), expected, atol=2e-5, rtol=0)


def test_layers_of_pictures_and_a_batch_with_an_axis_more(served: Fixture) -> None:
    wanted = [triton.InferRequestedOutput(name) for name in ("pool", "image")]
    answer = served.ask.infer("own", [of_files(FILES, (len(FILES), 1))], outputs=wanted)
    assert answer.as_numpy("pool").shape == (len(FILES), 6)
    prepared = wanted_by("own").recipe.scaling
    assert (
        np.abs(answer.as_numpy("image")).max() <= np.abs(prepared.apply(np.array([[0] * 3, [255] * 3]))).max()
    )


def test_classes_by_name_value_and_index(served: Fixture) -> None:
    values = served.ask.infer("caffe", [of_files(FILES)]).as_numpy("flower")
    asked = triton.InferRequestedOutput("flower", class_count=3)
    texts = served.ask.infer("caffe", [of_files(FILES)], outputs=[asked]).as_numpy("flower")
    assert texts.shape == (len(FILES), 3)
    for row, numbers in zip(texts, values, strict=True):
        best = np.argsort(-numbers)[:3]
        for text, index in zip(row, best, strict=True):
            value, place, name = text.decode().split(":", 2)
            assert (int(place), name) == (index, NAMES[index])
            assert float(value) == pytest.approx(numbers[index], abs=1e-5)


def test_classes_without_names_are_numbers_and_never_too_many(served: Fixture) -> None:
    asked = triton.InferRequestedOutput("flower", class_count=99)
    texts = served.ask.infer("own", [of_files(FILES[:1])], outputs=[asked]).as_numpy("flower")
    assert texts.shape == (1, 5)
    assert [text.count(b":") for text in texts[0]] == [1] * 5


HOSTILE = {
    "nothing": (b"", "is empty"),
    "no picture": (b"%!PS-Adobe-3.0", "begins with b'%!PS-Adobe-3'; expected JPEG, PNG, WebP or GIF"),
    "half of one": (FILES[0][:9000], "cannot be decoded: image file is truncated"),
    "a bomb": (png_claiming(50_000, 50_000), "has more than 67108864 pixels"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_picture_is_named_and_costs_nobody_else_anything(served: Fixture, name: str) -> None:
    hostile, reason = HOSTILE[name]
    expected = truth(served.models, "caffe", FILES)

    def ask(files: list[bytes]) -> Array:
        return (
            triton.InferenceServerClient(served.server.grpc)
            .infer("caffe", [of_files(files)])
            .as_numpy("flower")
        )

    with ThreadPoolExecutor(6) as pool:
        bad = [pool.submit(ask, [*FILES[:3], hostile, FILES[4]]) for _ in range(3)]
        good = [pool.submit(ask, FILES) for _ in range(3)]
        for answer in good:
            np.testing.assert_allclose(answer.result(), expected, atol=2e-5, rtol=0)
        for answer in bad:
            with pytest.raises(InferenceServerException, match="INVALID_ARGUMENT") as refused:
                answer.result()
            assert f"model 'caffe': image 3: {reason}" in str(refused.value)


def test_a_decoder_that_ends_loses_no_request(served: Fixture) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6000, 6000), np.uint8)
    slow = encoded(Image.fromarray(noise), "PNG", compress_level=0)
    expected = truth(served.models, "caffe", [slow])
    decoder = pid_of(served.server.pid, "decoder 1")
    idle = cpu_ticks(decoder)
    count = 2 * len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(count) as pool:
        answers = [pool.submit(served.ask.infer, "caffe", [of_files([slow])]) for _ in range(count)]
        until(lambda: cpu_ticks(decoder) > idle + 5)
        os.kill(decoder, signal.SIGSEGV)
        for answer in answers:
            np.testing.assert_allclose(answer.result(60).as_numpy("flower"), expected, atol=2e-5, rtol=0)
    assert not is_alive(decoder)
    lost = [
        json.loads(line) for line in served.log.read_text().splitlines() if "decoder connection lost" in line
    ]
    assert sum(one["pictures"] for one in lost) >= 1


def test_the_client_classifies_paths_bytes_and_arrays(served: Fixture, tmp_path: Path) -> None:
    values = truth(served.models, "caffe", FILES)
    paths = [tmp_path / f"{place}.picture" for place in range(len(FILES))]
    for path, file in zip(paths, FILES, strict=True):
        path.write_bytes(file)
    expected = [[(int(index), NAMES[index]) for index in np.argsort(-row)[:3]] for row in values]
    pixels = np.asarray(photograph())
    with Client(served.server.grpc) as client:
        rows = client.classify("caffe", [paths[0], str(paths[1]), *FILES[2:]], top=3)
        assert [[(label.index, label.name) for label in row] for row in rows] == expected
        np.testing.assert_allclose([row[0].score for row in rows], values.max(axis=1), atol=1e-4)
        one = client.classify("caffe", paths[1], top=3)
        assert [(label.index, label.name) for label in one] == expected[1]
        alone, several = (
            client.classify("caffe", pixels, top=2),
            client.classify("caffe", pixels[None], top=2),
        )
        assert several == [alone]
        assert alone == client.classify("caffe", encoded(photograph(), "PNG"), top=2)
        with pytest.raises(InvalidRequest, match="cannot be read: No such file"):
            client.classify("caffe", tmp_path / "absent.jpg")
        with pytest.raises(InvalidRequest, match="image 1: begins with b'text'"):
            client.classify("caffe", [FILES[0], b"text"])
        with pytest.raises(InvalidRequest, match="received top=0"):
            client.classify("caffe", FILES[0], top=0)


def test_the_client_predicts_on_pictures_and_pixels_and_knows_what_is_done_to_them(served: Fixture) -> None:
    pixels = np.asarray(photograph())[None]
    with Client(served.server.grpc) as client:
        expected = truth(served.models, "own", [encoded(photograph(), "PNG")])
        for inputs in ([encoded(photograph(), "PNG")], pixels):
            np.testing.assert_allclose(client.predict("own", inputs), expected, atol=2e-5, rtol=0)
        assert client.predict("own", FILES, layers="pool").shape == (len(FILES), 6)
        many = np.concatenate(list(client.predict_many("own", FILES * 2, batch_rows=3)))
        np.testing.assert_allclose(many, truth(served.models, "own", FILES * 2), atol=2e-5, rtol=0)
        model = client.describe("caffe")
        assert model.labels == NAMES
        assert model.image is not None
        assert (model.image.height, model.image.resize, model.image.crop) == (SIDE, "bicubic", 0.0)
        assert (model.image.mean, model.image.channel_order) == ((103.939, 116.779, 123.68), "BGR")


def test_pictures_go_in_json_too(served: Fixture) -> None:
    """Files as base64, pixels as numbers."""
    files = [{"b64": b64encode(file).decode()} for file in FILES]
    pictures = {"name": "image", "datatype": "BYTES", "shape": [len(files)], "data": files}
    pixels = {"name": "image", "datatype": "UINT8", "shape": [1, *np.shape(photograph())]}
    pixels["data"] = np.asarray(photograph())[None].tolist()
    url = f"http://{served.server.http}/v2/models/own/infer"
    for sent, rows in ((pictures, FILES), (pixels, [encoded(photograph(), "PNG")])):
        with urlopen(url, json.dumps({"inputs": [sent]}).encode()) as answered:
            [output] = json.load(answered)["outputs"]
        received = np.reshape(output["data"], output["shape"])
        np.testing.assert_allclose(received, truth(served.models, "own", rows), atol=2e-5, rtol=0)


async def _classify(target: str) -> list[Label]:
    async with AsyncClient(target) as client:
        return await client.classify("caffe", FILES[0], top=1)


def test_the_awaited_client_classifies_too(served: Fixture) -> None:
    with Client(served.server.grpc) as client:
        assert asyncio.run(_classify(served.server.grpc)) == client.classify("caffe", FILES[0], top=1)


def test_the_command_names_the_classes_of_a_picture(
    served: Fixture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "flower.jpg").write_bytes(FILES[0])
    best = NAMES[int(truth(served.models, "caffe", FILES[:1]).argmax())]
    assert main(["predict", "caffe", str(tmp_path / "flower.jpg"), "--server", served.server.grpc]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert best in lines[0]


def test_features_of_a_folder_go_on_where_a_run_stopped(
    served: Fixture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "features.h5"
    (photos / "more").mkdir(parents=True)
    for place, file in enumerate(FILES):
        (photos / ("more" if place > 2 else "") / f"{place}.PNG").write_bytes(file)
    (photos / "8.jpg").write_bytes(b"no picture")
    (photos / "notes.txt").write_text("not looked at")
    command = [
        "features",
        "caffe",
        str(photos),
        "--out",
        str(out),
        "--server",
        served.server.grpc,
        "--batch",
        "2",
    ]
    assert main(command) == 1
    assert "'8.jpg': begins with b'no picture'" in capsys.readouterr().err
    assert not out.exists()
    with Client(served.server.grpc) as client:
        expected = client.predict("caffe", FILES, layers="pool")
    kept = (out.with_name("features.h5.partial") / "pictures.jsonl").read_text().splitlines()
    assert main([*command, "--keep-going"]) == 1
    assert "passed over 8.jpg: begins with" in capsys.readouterr().out
    assert len(kept) >= 2
    with h5py.File(out) as file:
        names = [name.decode() for name in file["names"]]
        assert names == ["0.PNG", "1.PNG", "2.PNG", "more/3.PNG", "more/4.PNG"]
        np.testing.assert_allclose(file["features"][:], expected, atol=1e-5)
        assert (file.attrs["model"], file.attrs["layer"], file.attrs["pooling"]) == ("caffe", "pool", "avg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["features.h5", "photos"]


def test_settings_that_do_not_fit_are_explained(served: Fixture) -> None:
    with Client(served.server.grpc) as client:
        reasons = {one.name: one.reason for one in client.models() if one.state == "UNAVAILABLE"}
    assert reasons.keys() == REFUSED.keys()
    for name, (_, reason) in REFUSED.items():
        assert reason in reasons[name]


def test_pictures_are_counted(served: Fixture) -> None:
    metrics = urlopen(f"http://{served.server.metrics}/metrics").read().decode()
    assert 'horngate_pictures_total{model="caffe",outcome="decoded",version="1"}' in metrics
    assert "horngate_decoding_duration_seconds_count" in metrics
