"""ResNet, ResNeXt and ConvNeXt."""

from horngate.zoo.registry.network import Network, Published
from horngate.zoo.registry.weight_files import pair

RESIDUAL = (
    Network(
        name="resnet50",
        keras_name="ResNet50",
        default_size=224,
        minimum_size=32,
        preprocessing="caffe",
        published=Published(parameters=25_636_712, top1=0.749, top5=0.921, megabytes=98, licence="MIT"),
        weights=pair(
            "resnet/",
            top=("resnet50_weights_tf_dim_ordering_tf_kernels.h5", "md5:2cb95161c43110f7111970584f804107"),
            notop=(
                "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "md5:4d473c1dd8becc155b73f8504c6f6626",
            ),
        ),
    ),
    Network(
        name="resnet101",
        keras_name="ResNet101",
        default_size=224,
        minimum_size=32,
        preprocessing="caffe",
        published=Published(parameters=44_707_176, top1=0.764, top5=0.928, megabytes=171, licence="MIT"),
        weights=pair(
            "resnet/",
            top=("resnet101_weights_tf_dim_ordering_tf_kernels.h5", "md5:f1aeb4b969a6efcfb50fad2f0c20cfc5"),
            notop=(
                "resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "md5:88cf7a10940856eca736dc7b7e228a21",
            ),
        ),
    ),
    Network(
        name="resnet152",
        keras_name="ResNet152",
        default_size=224,
        minimum_size=32,
        preprocessing="caffe",
        published=Published(parameters=60_419_944, top1=0.766, top5=0.931, megabytes=232, licence="MIT"),
        weights=pair(
            "resnet/",
            top=("resnet152_weights_tf_dim_ordering_tf_kernels.h5", "md5:100835be76be38e30d865e96f2aaae62"),
            notop=(
                "resnet152_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "md5:ee4c566cf9a93f14d82f913c2dc6dd0c",
            ),
        ),
    ),
    Network(
        name="resnet50_v2",
        keras_name="ResNet50V2",
        default_size=224,
        minimum_size=32,
        preprocessing="tf",
        published=Published(
            parameters=25_613_800, top1=0.76, top5=0.93, megabytes=98, licence="BSD-3-Clause"
        ),
        weights=pair(
            "resnet/",
            top=("resnet50v2_weights_tf_dim_ordering_tf_kernels.h5", "md5:3ef43a0b657b3be2300d5770ece849e0"),
            notop=(
                "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "md5:fac2f116257151a9d068a22e544a4917",
            ),
        ),
    ),
    Network(
        name="resnet101_v2",
        keras_name="ResNet101V2",
        default_size=224,
        minimum_size=32,
        preprocessing="tf",
        published=Published(
            parameters=44_675_560, top1=0.772, top5=0.938, megabytes=171, licence="BSD-3-Clause"
        ),
        weights=pair(
            "resnet/",
            top=("resnet101v2_weights_tf_dim_ordering_tf_kernels.h5", "md5:6343647c601c52e1368623803854d971"),
            notop=(
                "resnet101v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "md5:c0ed64b8031c3730f411d2eb4eea35b5",
            ),
        ),
    ),
    Network(
        name="resnet152_v2",
        keras_name="ResNet152V2",
        default_size=224,
        minimum_size=32,
        preprocessing="tf",
        published=Published(
            parameters=60_380_648, top1=0.78, top5=0.942, megabytes=232, licence="BSD-3-Clause"
        ),
        weights=pair(
            "resnet/",
            top=("resnet152v2_weights_tf_dim_ordering_tf_kernels.h5", "md5:a49b44d1979771252814e80f8ec446f9"),
            notop=(
                "resnet152v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "md5:ed17cf2e0169df9d443503ef94b23b33",
            ),
        ),
    ),
    Network(
        name="resnext50",
        keras_name="ResNeXt50",
        default_size=224,
        minimum_size=32,
        preprocessing="torch",
        published=Published(
            parameters=25_097_128, top1=0.777, top5=0.938, megabytes=96, licence="BSD-3-Clause"
        ),
        weights=pair(
            "https://github.com/keras-team/keras-applications/releases/download/resnet/",
            top=("resnext50_weights_tf_dim_ordering_tf_kernels.h5", "md5:67a5b30d522ed92f75a1f16eef299d1a"),
            notop=(
                "resnext50_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "md5:62527c363bdd9ec598bed41947b379fc",
            ),
        ),
    ),
    Network(
        name="resnext101",
        keras_name="ResNeXt101",
        default_size=224,
        minimum_size=32,
        preprocessing="torch",
        published=Published(
            parameters=44_315_560, top1=0.787, top5=0.943, megabytes=170, licence="BSD-3-Clause"
        ),
        weights=pair(
            "https://github.com/keras-team/keras-applications/releases/download/resnet/",
            top=("resnext101_weights_tf_dim_ordering_tf_kernels.h5", "md5:34fb605428fcc7aa4d62f44404c11509"),
            notop=(
                "resnext101_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "md5:0f678c91647380debd923963594981b3",
            ),
        ),
    ),
    Network(
        name="convnext_tiny",
        keras_name="ConvNeXtTiny",
        default_size=224,
        minimum_size=32,
        preprocessing="none",
        published=Published(parameters=28_589_128, top1=0.813, megabytes=109, licence="MIT"),
        weights=pair(
            "convnext/",
            top=(
                "convnext_tiny.h5",
                "sha256:8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
            ),
            notop=(
                "convnext_tiny_notop.h5",
                "sha256:d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
            ),
        ),
    ),
    Network(
        name="convnext_small",
        keras_name="ConvNeXtSmall",
        default_size=224,
        minimum_size=32,
        preprocessing="none",
        published=Published(parameters=50_223_688, top1=0.823, megabytes=192, licence="MIT"),
        weights=pair(
            "convnext/",
            top=(
                "convnext_small.h5",
                "sha256:ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
            ),
            notop=(
                "convnext_small_notop.h5",
                "sha256:6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
            ),
        ),
    ),
    Network(
        name="convnext_base",
        keras_name="ConvNeXtBase",
        default_size=224,
        minimum_size=32,
        preprocessing="none",
        published=Published(parameters=88_591_464, top1=0.853, megabytes=339, licence="MIT"),
        weights=pair(
            "convnext/",
            top=(
                "convnext_base.h5",
                "sha256:52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
            ),
            notop=(
                "convnext_base_notop.h5",
                "sha256:40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
            ),
        ),
    ),
    Network(
        name="convnext_large",
        keras_name="ConvNeXtLarge",
        default_size=224,
        minimum_size=32,
        preprocessing="none",
        published=Published(parameters=197_767_336, top1=0.863, megabytes=755, licence="MIT"),
        weights=pair(
            "convnext/",
            top=(
                "convnext_large.h5",
                "sha256:070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
            ),
            notop=(
                "convnext_large_notop.h5",
                "sha256:96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
            ),
        ),
    ),
    Network(
        name="convnext_xlarge",
        keras_name="ConvNeXtXLarge",
        default_size=224,
        minimum_size=32,
        preprocessing="none",
        published=Published(parameters=350_196_968, top1=0.867, megabytes=1310, licence="MIT"),
        weights=pair(
            "convnext/",
            top=(
                "convnext_xlarge.h5",
                "sha256:c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
            ),
            notop=(
                "convnext_xlarge_notop.h5",
                "sha256:de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
            ),
        ),
    ),
)
