"""MobileNet: three versions, of several widths, with weights for each and for several sizes of images."""

from collections.abc import Sequence

from horngate.zoo.registry.network import Network, Published
from horngate.zoo.registry.weight_files import Variant, WeightFile, pair

_SIZES_1 = (128, 160, 192, 224)
_ALPHAS_1 = {1.0: "1_0", 0.75: "7_5", 0.5: "5_0", 0.25: "2_5"}
_SIZES_2 = (96, 128, 160, 192, 224)
_ALPHAS_2 = (1.0, 0.35, 0.5, 0.75, 1.3, 1.4)
_VERSION_3 = {
    "large_224_0.75_float": (
        "765b44a33ad4005b3ac83185abf1d0eb",
        "40af19a13ebea4e2ee0c676887f69a2e",
    ),
    "large_224_1.0_float": (
        "59e551e166be033d707958cf9e29a6a7",
        "07fb09a5933dd0c8eaafa16978110389",
    ),
    "large_minimalistic_224_1.0_float": (
        "675e7b876c45c57e9e63e6d90a36599c",
        "ec5221f64a2f6d1ef965a614bdae7973",
    ),
    "small_224_0.75_float": (
        "cb65d4e5be93758266aa0a7f2c6708b7",
        "ebdb5cc8e0b497cd13a7c275d475c819",
    ),
    "small_224_1.0_float": (
        "8768d4c2e7dee89b9d02b2d03d65d862",
        "d3e8ec802a04aa4fc771ee12a9a9b836",
    ),
    "small_minimalistic_224_1.0_float": (
        "99cd97fb2fcdad2bf028eb838de69e37",
        "cde8136e733e811080d9fcd8a252f7e4",
    ),
}
"""Checksums with and without the head, by what the files' names hold."""


def _version_1() -> Sequence[WeightFile]:
    """Keras publishes no hash of these."""
    files: list[WeightFile] = []
    for alpha, written in _ALPHAS_1.items():
        for rows in reversed(_SIZES_1):
            stem = f"mobilenet_{written}_{rows}_tf"
            variant = Variant(alpha=alpha, rows=rows)
            files += pair(
                "mobilenet/", top=(f"{stem}.h5", ""), notop=(f"{stem}_no_top.h5", ""), variant=variant
            )
    return tuple(files)


def _version_2() -> Sequence[WeightFile]:
    """Keras publishes no hash of these. Networks wider than the published one have files for one size alone."""
    files: list[WeightFile] = []
    for alpha in _ALPHAS_2:
        for rows in reversed(_SIZES_2) if alpha <= 1 else (224,):
            stem = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{rows}"
            variant = Variant(alpha=alpha, rows=rows)
            files += pair(
                "mobilenet_v2/", top=(f"{stem}.h5", ""), notop=(f"{stem}_no_top.h5", ""), variant=variant
            )
    return tuple(files)


def _version_3(kind: str) -> Sequence[WeightFile]:
    files: list[WeightFile] = []
    for alpha, minimalistic in ((1.0, False), (0.75, False), (1.0, True)):
        key = f"{kind}{'_minimalistic' if minimalistic else ''}_224_{alpha}_float"
        top, notop = _VERSION_3[key]
        stem = f"weights_mobilenet_v3_{key}"
        files += pair(
            "mobilenet_v3/",
            top=(f"{stem}.h5", f"md5:{top}"),
            notop=(f"{stem}_no_top_v2.h5", f"md5:{notop}"),
            variant=Variant(alpha=alpha, minimalistic=minimalistic),
        )
    return tuple(files)


MOBILE = (
    Network(
        name="mobilenet",
        keras_name="MobileNet",
        default_size=224,
        minimum_size=32,
        preprocessing="tf",
        published=Published(parameters=4_253_864, top1=0.704, top5=0.895, megabytes=16, licence="Apache-2.0"),
        weights=_version_1(),
    ),
    Network(
        name="mobilenet_v2",
        keras_name="MobileNetV2",
        default_size=224,
        minimum_size=32,
        preprocessing="tf",
        published=Published(parameters=3_538_984, top1=0.713, top5=0.901, megabytes=14, licence="Apache-2.0"),
        weights=_version_2(),
    ),
    Network(
        name="mobilenet_v3_small",
        keras_name="MobileNetV3Small",
        default_size=224,
        minimum_size=32,
        preprocessing="none",
        published=Published(parameters=2_554_968, top1=0.681, licence="Apache-2.0"),
        weights=_version_3("small"),
    ),
    Network(
        name="mobilenet_v3_large",
        keras_name="MobileNetV3Large",
        default_size=224,
        minimum_size=32,
        preprocessing="none",
        published=Published(parameters=5_507_432, top1=0.756, licence="Apache-2.0"),
        weights=_version_3("large"),
    ),
)
