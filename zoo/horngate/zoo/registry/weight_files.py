"""The published files of weights: where each lies, under which name Keras keeps it, and its checksum."""

from collections.abc import Sequence
from dataclasses import dataclass

from horngate.zoo.registry.sizes import SIZES

BUCKET = "https://storage.googleapis.com/tensorflow/keras-applications/"
"""What the folders of `pair` are relative to."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Which of a network's shapes a file is for. `rows` is the size of its images where each has its own file."""

    alpha: float = 1.0
    rows: int | None = None
    minimalistic: bool = False


PLAIN = Variant()


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """One published file. `name` is what Keras calls it in its cache.

    `checksum` is `"md5:…"` or `"sha256:…"`, as Keras pins it, or empty: no hash was published. `size_bytes` is
    None where it is not known.
    """

    name: str
    url: str
    checksum: str
    include_top: bool
    variant: Variant = PLAIN
    size_bytes: int | None = None


def pair(
    folder: str,
    *,
    top: tuple[str, str],
    notop: tuple[str, str],
    saved_as: tuple[str, str] | None = None,
    variant: Variant = PLAIN,
) -> Sequence[WeightFile]:
    """The files with and without the head, each as its name in the folder and its checksum.

    `saved_as` are their names in Keras's cache where those are others.
    """
    names = saved_as or (top[0], notop[0])
    base = folder if "://" in folder else BUCKET + folder
    return tuple(
        WeightFile(
            name=name,
            url=base + file,
            checksum=checksum,
            include_top=is_top,
            variant=variant,
            size_bytes=SIZES.get(name),
        )
        for name, (file, checksum), is_top in zip(names, (top, notop), (True, False), strict=True)
    )
