"""Published files brought into the cache: whole, right, once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from horngate.contract.errors import LoadError
from horngate.zoo.registry import Choice, read_choice
from horngate.zoo.weights import Progress, Supply, checksum, published_file, verify
from tests.zoo.weights.place import Place, cut_after, place

CHOICE = read_choice("resnet50")
UNPINNED = read_choice("mobilenet:alpha=0.25:input_shape=128x128x3")
"""Keras publishes no hash of its weights."""


def name_of(choice: Choice) -> str:
    return choice.published.name


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras"


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small weights file."""
    path = tmp_path_factory.mktemp("made") / "w.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        file.create_group("dense").attrs["weight_names"] = [b"dense/kernel:0"]
        file["dense"].create_dataset("dense/kernel:0", data=np.ones((100, 100), np.float32))
    return path.read_bytes()


@pytest.fixture
def there(content: bytes) -> Iterator[Place]:
    with place({name_of(choice): content for choice in (CHOICE, UNPINNED)}) as running:
        yield running


def pinned(there: Place, content: bytes, folder: Path) -> Supply:
    (folder / "sums").write_bytes(content)
    return Supply(mirror=there.url, pins={name_of(CHOICE): checksum(folder / "sums")})


def left_behind(home: Path) -> set[str]:
    return {path.name for path in home.rglob("*") if path.is_file() and not path.name.endswith(".lock")}


def test_a_file_is_put_where_keras_looks(there: Place, content: bytes, home: Path, tmp_path: Path) -> None:
    heard: list[Progress] = []
    path = published_file(CHOICE, pinned(there, content, tmp_path), heard.append)
    assert path == home / "models" / "resnet50_weights_tf_dim_ordering_tf_kernels.h5"
    assert path.read_bytes() == content
    assert heard[-1] == Progress(name=path.name, done_bytes=len(content), total_bytes=len(content))
    assert left_behind(home) == {path.name}


def test_what_is_there_is_not_fetched_again(there: Place, content: bytes, tmp_path: Path) -> None:
    supply = pinned(there, content, tmp_path)
    assert published_file(CHOICE, supply) == published_file(CHOICE, supply)
    assert len(there.asked) == 1


def test_what_is_there_and_wrong_is_replaced(
    there: Place, content: bytes, home: Path, tmp_path: Path
) -> None:
    (home / "models").mkdir(parents=True)
    (home / "models" / name_of(CHOICE)).write_bytes(content[:-1])
    assert published_file(CHOICE, pinned(there, content, tmp_path)).read_bytes() == content


def test_a_wrong_hash(there: Place, home: Path) -> None:
    """The published one is held against a file that is another."""
    with pytest.raises(LoadError, match=r"has md5:\w{32}; expected md5:2cb95161c43110f7111970584f804107"):
        published_file(CHOICE, Supply(mirror=there.url))
    assert not any(name.endswith((".h5", ".part")) for name in left_behind(home))


def test_two_at_once_fetch_once(there: Place, content: bytes, tmp_path: Path) -> None:
    supply, begun = pinned(there, content, tmp_path), threading.Barrier(2)

    def fetch(_: int) -> Path:
        begun.wait(30)
        return published_file(CHOICE, supply)

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(fetch, range(2))
    assert one == other
    assert len(there.asked) == 1


def test_an_interrupted_fetch_goes_on(there: Place, content: bytes, tmp_path: Path) -> None:
    supply = pinned(there, content, tmp_path)

    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    there.script = [cut_after(20_000)]
    with pytest.raises(KeyboardInterrupt):
        published_file(CHOICE, supply, stop)
    assert published_file(CHOICE, supply).read_bytes() == content
    assert there.asked[-1][1].startswith("bytes=")


def test_offline(there: Place, home: Path) -> None:
    with pytest.raises(LoadError) as raised:
        published_file(CHOICE, Supply(mirror=there.url, offline=True))
    told = str(raised.value)
    assert told.startswith(
        f"no published weights for resnet50: {name_of(CHOICE)} is not in {home}/models, and "
    )
    assert "run `horngate zoo fetch resnet50` on a machine with a network and copy" in told
    assert "--zoo-weights none" in told
    assert there.asked == []


def test_offline_with_the_file(there: Place, content: bytes, tmp_path: Path) -> None:
    supply = pinned(there, content, tmp_path)
    path = published_file(CHOICE, supply)
    assert published_file(CHOICE, Supply(offline=True, pins=supply.pins)) == path


def test_a_folder_as_mirror(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "usb").mkdir()
    source = tmp_path / "usb" / name_of(CHOICE)
    source.write_bytes(content)
    supply = Supply(mirror=str(tmp_path / "usb"), pins={source.name: checksum(source)})
    assert published_file(CHOICE, supply).read_bytes() == content
    with pytest.raises(LoadError, match=r"the folder .*usb has no vgg16_\w+.h5; is the mirror complete"):
        published_file(read_choice("vgg16"), supply)


def test_without_a_published_hash_a_file_is_examined(there: Place, home: Path) -> None:
    path = published_file(UNPINNED, Supply(mirror=there.url))
    assert verify(UNPINNED.published, Supply()).state == "right"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert verify(UNPINNED.published, Supply()).state == "wrong"
    published_file(UNPINNED, Supply(mirror=there.url))
    assert verify(UNPINNED.published, Supply()).by == "fetched"


def test_without_a_published_hash_an_unsafe_file_is_refused(there: Place, home: Path, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.h5"
    with h5py.File(bomb, "w") as file:
        file.create_dataset("zeros", shape=(1 << 30,), dtype="f4", chunks=(1 << 20,), compression="gzip")
    there.files = {name_of(UNPINNED): bomb.read_bytes()}
    with pytest.raises(LoadError, match="it is unsafe, and no hash of it is published"):
        published_file(UNPINNED, Supply(mirror=there.url))
    assert not any(name.endswith((".h5", ".part")) for name in left_behind(home))


def test_a_folder_that_cannot_be_written(there: Place, content: bytes, home: Path, tmp_path: Path) -> None:
    home.write_text("a file where a folder belongs")
    with pytest.raises(LoadError, match=r"cannot be put into .*keras/models"):
        published_file(CHOICE, pinned(there, content, tmp_path))


def test_the_environment_names_the_place(
    there: Place, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supply = pinned(there, content, tmp_path)
    pins = tmp_path / "SHA256SUMS"
    digest = supply.pins[name_of(CHOICE)].removeprefix("sha256:")
    pins.write_text(f"# ours\n{digest}  ./{name_of(CHOICE)}\n")
    monkeypatch.setenv("HORNGATE_ZOO_MIRROR", there.url)
    monkeypatch.setenv("HORNGATE_ZOO_PINS", str(pins))
    assert published_file(CHOICE).read_bytes() == content
    monkeypatch.setenv("HORNGATE_ZOO_OFFLINE", "1")
    assert published_file(CHOICE).read_bytes() == content


def test_pins_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sums").write_text("abc  file.h5\n")
    monkeypatch.setenv("HORNGATE_ZOO_PINS", str(tmp_path / "sums"))
    with pytest.raises(LoadError, match="'abc' is no checksum; expected md5: and 32 digits"):
        published_file(CHOICE)
