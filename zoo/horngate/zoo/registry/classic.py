"""VGG, Inception, Xception, DenseNet and NASNet."""

from horngate.zoo.registry.network import Network, Published
from horngate.zoo.registry.weight_files import pair

CLASSIC = (
    Network(
        name="xception",
        keras_name="Xception",
        default_size=299,
        minimum_size=71,
        preprocessing="tf",
        published=Published(parameters=22_910_480, top1=0.79, top5=0.945, megabytes=88, licence="MIT"),
        weights=pair(
            "xception/",
            top=("xception_weights_tf_dim_ordering_tf_kernels.h5", "md5:0a58e3b7378bc2990ea3b43d5981f1f6"),
            notop=(
                "xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "md5:b0042744bf5b25fce3cb969f33bebb97",
            ),
        ),
    ),
    Network(
        name="vgg16",
        keras_name="VGG16",
        default_size=224,
        minimum_size=32,
        preprocessing="caffe",
        published=Published(
            parameters=138_357_544, top1=0.713, top5=0.901, megabytes=528, licence="CC-BY-4.0"
        ),
        weights=pair(
            "vgg16/",
            top=("vgg16_weights_tf_dim_ordering_tf_kernels.h5", "md5:64373286793e3c8b2b4e3219cbf3544b"),
            notop=(
                "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "md5:6d6bbae143d832006294945121d1f1fc",
            ),
        ),
    ),
    Network(
        name="vgg19",
        keras_name="VGG19",
        default_size=224,
        minimum_size=32,
        preprocessing="caffe",
        published=Published(parameters=143_667_240, top1=0.713, top5=0.9, megabytes=549, licence="CC-BY-4.0"),
        weights=pair(
            "vgg19/",
            top=("vgg19_weights_tf_dim_ordering_tf_kernels.h5", "md5:cbe5617147190e668d6c5d5026f83318"),
            notop=(
                "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "md5:253f8cb515780f3b799900260a226db6",
            ),
        ),
    ),
    Network(
        name="inception_v3",
        keras_name="InceptionV3",
        default_size=299,
        minimum_size=75,
        preprocessing="tf",
        published=Published(
            parameters=23_851_784, top1=0.779, top5=0.937, megabytes=92, licence="Apache-2.0"
        ),
        weights=pair(
            "inception_v3/",
            top=(
                "inception_v3_weights_tf_dim_ordering_tf_kernels.h5",
                "md5:9a0d58056eeedaa3f26cb7ebd46da564",
            ),
            notop=(
                "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "md5:bcbd6486424b2319ff4ef7d526e38f63",
            ),
        ),
    ),
    Network(
        name="inception_resnet_v2",
        keras_name="InceptionResNetV2",
        default_size=299,
        minimum_size=75,
        preprocessing="tf",
        published=Published(
            parameters=55_873_736, top1=0.803, top5=0.953, megabytes=215, licence="Apache-2.0"
        ),
        weights=pair(
            "inception_resnet_v2/",
            top=(
                "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels.h5",
                "md5:e693bd0210a403b3192acc6073ad2e96",
            ),
            notop=(
                "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "md5:d19885ff4a710c122648d3b5c3b684e4",
            ),
        ),
    ),
    Network(
        name="densenet121",
        keras_name="DenseNet121",
        default_size=224,
        minimum_size=32,
        preprocessing="torch",
        published=Published(
            parameters=8_062_504, top1=0.75, top5=0.923, megabytes=33, licence="BSD-3-Clause"
        ),
        weights=pair(
            "densenet/",
            top=("densenet121_weights_tf_dim_ordering_tf_kernels.h5", "md5:9d60b8095a5708f2dcce2bca79d332c7"),
            notop=(
                "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "md5:30ee3e1110167f948a6b9946edeeb738",
            ),
        ),
    ),
    Network(
        name="densenet169",
        keras_name="DenseNet169",
        default_size=224,
        minimum_size=32,
        preprocessing="torch",
        published=Published(
            parameters=14_307_880, top1=0.762, top5=0.932, megabytes=57, licence="BSD-3-Clause"
        ),
        weights=pair(
            "densenet/",
            top=("densenet169_weights_tf_dim_ordering_tf_kernels.h5", "md5:d699b8f76981ab1b30698df4c175e90b"),
            notop=(
                "densenet169_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "md5:b8c4d4c20dd625c148057b9ff1c1176b",
            ),
        ),
    ),
    Network(
        name="densenet201",
        keras_name="DenseNet201",
        default_size=224,
        minimum_size=32,
        preprocessing="torch",
        published=Published(
            parameters=20_242_984, top1=0.773, top5=0.936, megabytes=80, licence="BSD-3-Clause"
        ),
        weights=pair(
            "densenet/",
            top=("densenet201_weights_tf_dim_ordering_tf_kernels.h5", "md5:1ceb130c1ea1b78c3bf6114dbdfd8807"),
            notop=(
                "densenet201_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "md5:c13680b51ded0fb44dff2d8f86ac8bb1",
            ),
        ),
    ),
    Network(
        name="nasnet_mobile",
        keras_name="NASNetMobile",
        default_size=224,
        minimum_size=32,
        preprocessing="tf",
        published=Published(parameters=5_326_716, top1=0.744, top5=0.919, megabytes=23, licence="Apache-2.0"),
        weights=pair(
            "nasnet/",
            top=("NASNet-mobile.h5", "md5:020fb642bf7360b370c678b08e0adf61"),
            notop=("NASNet-mobile-no-top.h5", "md5:1ed92395b5b598bdda52abe5c0dbfd63"),
            saved_as=("nasnet_mobile.h5", "nasnet_mobile_no_top.h5"),
        ),
    ),
    Network(
        name="nasnet_large",
        keras_name="NASNetLarge",
        default_size=331,
        minimum_size=32,
        preprocessing="tf",
        published=Published(
            parameters=88_949_818, top1=0.825, top5=0.96, megabytes=343, licence="Apache-2.0"
        ),
        weights=pair(
            "nasnet/",
            top=("NASNet-large.h5", "md5:11577c9a518f0070763c2b964a382f17"),
            notop=("NASNet-large-no-top.h5", "md5:d81d89dc07e6e56530c4e77faddd61b5"),
            saved_as=("nasnet_large.h5", "nasnet_large_no_top.h5"),
        ),
    ),
)
