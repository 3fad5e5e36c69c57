"""Networks with options, in one line."""

import pytest

from horngate.contract.errors import LoadError
from horngate.zoo.registry import options_of, read_choice


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("ResNet50", "resnet50"),
        ("resnet50:include_top=true:classes=1000", "resnet50"),
        ("resnet50:pooling=avg:include_top=false", "resnet50:include_top=false:pooling=avg"),
        ("mobilenet:input_shape=128x128x3:alpha=.25", "mobilenet:input_shape=128x128x3:alpha=0.25"),
        ("vgg16:classes=10:classifier_activation=none", "vgg16:classes=10:classifier_activation=none"),
    ],
)
def test_the_shortest_line(asked: str, told: str) -> None:
    assert str(read_choice(asked)) == told == str(read_choice(told))


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("resnet50:avg", "'avg' where an option belongs; expected NAME:OPTION=VALUE"),
        ("resnet50:depth=3", "unknown option 'depth'; expected one of include_top, pooling, classes"),
        ("resnet50:pooling=avg", "the head is there, which pools by itself; set include_top = false"),
        ("resnet50:pooling=mean:include_top=false", "pooling is 'mean'; expected one of avg, max, or none"),
        ("resnet50:classes=ten", "classes is 'ten', which is a str"),
        ("resnet50:classes=0", "classes is 0; expected 1 or more"),
        ("resnet50:classes=5:include_top=false", "only with include_top = true"),
        ("resnet50:input_shape=224", "expected three whole numbers, as in"),
        ("resnet50:input_shape=0x0x3", "expected numbers above 0"),
        ("xception:input_shape=70x99x3", r"is \(70, 99, 3\); xception takes images of 71 x 71 at least"),
        ("resnet50:alpha=0.5", "resnet50 has one width; alpha = 0.5 is for the MobileNets"),
        ("mobilenet_v2:minimalistic=true", "minimalistic = true is for MobileNetV3"),
        ("resnet50:classifier_activation=relu", "expected softmax, or none for logits"),
    ],
)
def test_what_is_refused(asked: str, why: str) -> None:
    with pytest.raises(LoadError, match=why):
        read_choice(asked)


def test_options_as_model_toml_has_them() -> None:
    options = options_of({"include_top": False, "pooling": "avg", "input_shape": [96, 96, 3], "alpha": 1})
    assert (options.pooling, options.input_shape, options.alpha) == ("avg", (96, 96, 3), 1.0)
    with pytest.raises(LoadError, match="classes is True, which is a bool"):
        options_of({"classes": True})


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("resnet50", "resnet50_weights_tf_dim_ordering_tf_kernels.h5"),
        ("resnet50:include_top=false", "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"),
        ("mobilenet:alpha=0.25:input_shape=128x128x3", "mobilenet_2_5_128_tf.h5"),
        ("mobilenet_v3_large:input_shape=99x50x3", "weights_mobilenet_v3_large_224_1.0_float.h5"),
        ("mobilenet:input_shape=100x200x3:include_top=false", "mobilenet_1_0_224_tf_no_top.h5"),
        (
            "mobilenet_v2:alpha=1.4:input_shape=96x96x3:include_top=false",
            "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.4_224_no_top.h5",
        ),
        (
            "mobilenet_v3_small:minimalistic=true",
            "weights_mobilenet_v3_small_minimalistic_224_1.0_float.h5",
        ),
    ],
)
def test_published_weights(asked: str, name: str) -> None:
    assert read_choice(asked).published.name == name


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (
            "resnet50:input_shape=64x64x3",
            "with its head are for images of 224 x 224; set include_top = false",
        ),
        ("vgg16:include_top=false:input_shape=64x64x1", "published weights are for 3 channels"),
        ("resnet50:classes=10", "for 1000 classes and 10 are asked for; set include_top = false"),
        (
            "mobilenet:alpha=0.3",
            r"mobilenet:alpha=0.3 has no published weights; .* for alpha 0.25, 0.5, 0.75, 1",
        ),
        ("mobilenet_v3_small:alpha=0.75:minimalistic=true", "minimalistic for 1 alone"),
    ],
)
def test_what_was_not_published(asked: str, why: str) -> None:
    with pytest.raises(LoadError, match=why):
        _ = read_choice(asked).published
