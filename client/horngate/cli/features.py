"""`horngate features`: a vector for each picture of a folder, from a served network, into an HDF5 file."""

import argparse
import re
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from horngate.cli.feature_file import FeatureFile
from horngate.cli.serving import serving
from horngate.client import Client, InvalidRequest, LayerSpec, ModelDescription
from horngate.client.pictures import file_of
from horngate.client.progress import new_bar
from horngate.client.reaching import add_server_arguments, check_own, connect
from horngate.client.tensors import Array

HELP = """Write a vector of features for each picture of a folder.

The features are what the network's last pooling over the picture gives, or another layer that --layer names; an
output with height and width is averaged over both (or --pooling max). OUT.h5 holds `names`, the pictures' paths
within the folder, and `features`, in the same order. It appears once it is whole; a run that was interrupted goes
on where it stopped when it is started again. Without --server, MODEL is a network of the zoo.

examples:
  horngate features resnet50 photos/ --out features.h5
  horngate features resnet50 photos/ --out features.h5 --server localhost:8001 --keep-going
  horngate features vgg16 photos/ --out features.h5 --layer block5_pool --pooling max
"""

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif")
POOLINGS = {"avg": "GlobalAveragePooling2D", "max": "GlobalMaxPooling2D"}
AHEAD = 2
"""Requests under way at once: one is decoded while another is computed."""

_REFUSED = re.compile(r"image (\d+): (.*)", re.DOTALL)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `horngate features`."""
    option = parser.add_argument
    option("model", metavar="MODEL", help="the model's name")
    option("folder", metavar="FOLDER", type=Path, help="the pictures, in folders of their own too")
    option("--out", metavar="OUT.h5", type=Path, required=True, help="where the features go")
    option("--weights", metavar="WHICH", default="imagenet", help="without --server; default: %(default)s")
    option("--layer", metavar="NAME", help="the layer; default: the last pooling over the picture")
    option(
        "--pooling", choices=[*POOLINGS], default="avg", help="over height and width; default: %(default)s"
    )
    option("--batch", metavar="N", type=int, default=32, help="pictures in a request; default: %(default)s")
    option("--keep-going", action="store_true", help="pass over what is no picture, and say so")
    add_server_arguments(option, timeout_s=120.0, own=True)


def run(args: argparse.Namespace) -> int:
    """Do it; 0 once every picture has its features, 1 if some were passed over."""
    if args.batch < 1:
        raise InvalidRequest(f"--batch is {args.batch}; expected 1 or more")
    check_own(args)
    names = pictures_in(args.folder)
    with ExitStack() as stack:
        client = stack.enter_context(connect(args) if args.server else _own_client(args))
        described = client.describe(args.model)
        # A network of our own was asked to pool as published: some do more than that behind the pooling.
        own = None if args.server else described.outputs[0].name
        layer = args.layer or own or pooled_layer(described, args.pooling)
        about = {"model": args.model, "source": described.source, "layer": layer, "pooling": args.pooling}
        file = stack.enter_context(FeatureFile(args.out, repr(about)))
        _extract(args, client, layer, file, names)
        if not file.done:
            raise InvalidRequest(f"none of the {len(names)} pictures in '{args.folder}' could be used")
        file.finish(names, about)
    print(f"{len(file.done):,} pictures, {file.width:,} features each, from '{layer}': {args.out}")
    for name, reason in file.refused.items():
        print(f"  passed over {name}: {reason}")
    return 1 if file.refused else 0


def pictures_in(folder: Path) -> list[str]:
    """The pictures' paths within the folder, sorted. InvalidRequest: there are none."""
    found = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file()
    )
    if not found:
        raise InvalidRequest(f"'{folder}' has no pictures; expected files named {', '.join(SUFFIXES)}")
    return found


def pooled_layer(model: ModelDescription, pooling: str) -> str:
    """The layer that pools over what the last convolutions made of a picture, or else those themselves."""
    spatial = [place for place, layer in enumerate(model.layers) if _is_spatial(layer)]
    if not spatial:
        raise InvalidRequest(
            f"model '{model.name}' has no layer with height and width; say which with --layer"
        )
    kind = POOLINGS[pooling]
    after = [layer.outputs[0].name for layer in model.layers[spatial[-1] :] if layer.class_name == kind]
    return after[0] if after else model.layers[spatial[-1]].outputs[0].name


def _is_spatial(layer: LayerSpec) -> bool:
    shape = layer.outputs[0].shape
    return len(shape) == 4 and shape[1:3] != (1, 1) and layer.class_name != "InputLayer"


@contextmanager
def _own_client(args: argparse.Namespace) -> Iterator[Client]:
    """A client of a server of one network, which runs for as long as it is needed."""
    with TemporaryDirectory(prefix="horngate-") as workspace:
        folder = Path(workspace) / "models" / args.model
        folder.mkdir(parents=True)
        settings = [f'source = "zoo:{args.model}"', f'weights = "{args.weights}"']
        if args.layer is None:
            settings += ["include_top = false", f'pooling = "{args.pooling}"']
        (folder / "model.toml").write_text("\n".join(settings) + "\n")
        options = ("--cache", str(Path("~/.cache/horngate").expanduser()))
        with (
            serving(folder.parent, workspace=Path(workspace), arguments=options) as server,
            Client(server.grpc, timeout=args.timeout) as client,
        ):
            yield client


def _extract(
    args: argparse.Namespace, client: Client, layer: str, file: FeatureFile, names: Sequence[str]
) -> None:
    """Fill the file with what it lacks, in batches, AHEAD of them under way."""
    left = [name for name in names if name not in file.done and name not in file.refused]
    batches = deque(left[start : start + args.batch] for start in range(0, len(left), args.batch))
    under_way: deque[Future[tuple[dict[str, Array], dict[str, str]]]] = deque()
    with new_bar() as progress, ThreadPoolExecutor(AHEAD) as pool:
        task = progress.add_task(args.model, total=len(names), completed=len(names) - len(left))
        while batches or under_way:
            while batches and len(under_way) <= AHEAD:
                under_way.append(pool.submit(_features, args, client, layer, batches.popleft()))
            vectors, refused = under_way.popleft().result()
            file.add(vectors, refused)
            progress.advance(task, len(vectors) + len(refused))


def _features(
    args: argparse.Namespace, client: Client, layer: str, names: list[str]
) -> tuple[dict[str, Array], dict[str, str]]:
    """The vectors of these pictures, and why some have none. InvalidRequest, unless --keep-going: the first."""
    files, refused = _files(args, names)
    while files:
        try:
            vectors = _pooled(client, args, layer, list(files.values()))
            return dict(zip(files, vectors, strict=True)), refused
        except InvalidRequest as error:
            told = _REFUSED.search(str(error))
            if told is None:
                raise
            name = list(files)[int(told[1])]
            del files[name]
            if not args.keep_going:
                raise InvalidRequest(f"'{name}': {told[2]}; --keep-going passes over such files") from None
            refused[name] = told[2]
    return {}, refused


def _files(args: argparse.Namespace, names: list[str]) -> tuple[dict[str, bytes], dict[str, str]]:
    """The files' bytes, and why some cannot be read. InvalidRequest, unless --keep-going: the first."""
    files: dict[str, bytes] = {}
    refused: dict[str, str] = {}
    for name in names:
        try:
            files[name] = file_of(args.folder / name)
        except InvalidRequest as error:
            if not args.keep_going:
                raise
            refused[name] = str(error)
    return files, refused


def _pooled(client: Client, args: argparse.Namespace, layer: str, files: list[bytes]) -> Array:
    output: Array = client.predict(args.model, files, layers=layer)
    if output.ndim != 4:
        return output.reshape(len(files), -1)
    pooled: Array = output.mean(axis=(1, 2)) if args.pooling == "avg" else output.max(axis=(1, 2))
    return pooled
