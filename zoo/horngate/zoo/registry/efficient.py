"""EfficientNet, first and second version. Both scale pixels themselves."""

from horngate.zoo.registry.network import Network, Published
from horngate.zoo.registry.weight_files import pair

EFFICIENT = (
    Network(
        name="efficientnet_b0",
        keras_name="EfficientNetB0",
        default_size=224,
        minimum_size=32,
        preprocessing="none",
        published=Published(parameters=5_330_571, top1=0.771, top5=0.933, megabytes=29, licence="Apache-2.0"),
        weights=pair(
            "https://storage.googleapis.com/keras-applications/",
            top=("efficientnetb0.h5", "md5:902e53a9f72be733fc0bcb005b3ebbac"),
            notop=("efficientnetb0_notop.h5", "md5:50bc09e76180e00e4465e1a485ddc09d"),
        ),
    ),
    Network(
        name="efficientnet_b1",
        keras_name="EfficientNetB1",
        default_size=240,
        minimum_size=32,
        preprocessing="none",
        published=Published(parameters=7_856_239, top1=0.791, top5=0.944, megabytes=31, licence="Apache-2.0"),
        weights=pair(
            "https://storage.googleapis.com/keras-applications/",
            top=("efficientnetb1.h5", "md5:1d254153d4ab51201f1646940f018540"),
            notop=("efficientnetb1_notop.h5", "md5:74c4e6b3e1f6a1eea24c589628592432"),
        ),
    ),
    Network(
        name="efficientnet_b2",
        keras_name="EfficientNetB2",
        default_size=260,
        minimum_size=32,
        preprocessing="none",
        published=Published(parameters=9_177_569, top1=0.801, top5=0.949, megabytes=36, licence="Apache-2.0"),
        weights=pair(
            "https://storage.googleapis.com/keras-applications/",
            top=("efficientnetb2.h5", "md5:b15cce36ff4dcbd00b6dd88e7857a6ad"),
            notop=("efficientnetb2_notop.h5", "md5:111f8e2ac8aa800a7a99e3239f7bfb39"),
        ),
    ),
    Network(
        name="efficientnet_b3",
        keras_name="EfficientNetB3",
        default_size=300,
        minimum_size=32,
        preprocessing="none",
        published=Published(
            parameters=12_320_535, top1=0.816, top5=0.957, megabytes=48, licence="Apache-2.0"
        ),
        weights=pair(
            "https://storage.googleapis.com/keras-applications/",
            top=("efficientnetb3.h5", "md5:ffd1fdc53d0ce67064dc6a9c7960ede0"),
            notop=("efficientnetb3_notop.h5", "md5:af6d107764bb5b1abb91932881670226"),
        ),
    ),
    Network(
        name="efficientnet_b4",
        keras_name="EfficientNetB4",
        default_size=380,
        minimum_size=32,
        preprocessing="none",
        published=Published(
            parameters=19_466_823, top1=0.829, top5=0.964, megabytes=75, licence="Apache-2.0"
        ),
        weights=pair(
            "https://storage.googleapis.com/keras-applications/",
            top=("efficientnetb4.h5", "md5:18c95ad55216b8f92d7e70b3a046e2fc"),
            notop=("efficientnetb4_notop.h5", "md5:ebc24e6d6c33eaebbd558eafbeedf1ba"),
        ),
    ),
    Network(
        name="efficientnet_b5",
        keras_name="EfficientNetB5",
        default_size=456,
        minimum_size=32,
        preprocessing="none",
        published=Published(
            parameters=30_562_527, top1=0.836, top5=0.967, megabytes=118, licence="Apache-2.0"
        ),
        weights=pair(
            "https://storage.googleapis.com/keras-applications/",
            top=("efficientnetb5.h5", "md5:ace28f2a6363774853a83a0b21b9421a"),
            notop=("efficientnetb5_notop.h5", "md5:38879255a25d3c92d5e44e04ae6cec6f"),
        ),
    ),
    Network(
        name="efficientnet_b6",
        keras_name="EfficientNetB6",
        default_size=528,
        minimum_size=32,
        preprocessing="none",
        published=Published(
            parameters=43_265_143, top1=0.84, top5=0.968, megabytes=166, licence="Apache-2.0"
        ),
        weights=pair(
            "https://storage.googleapis.com/keras-applications/",
            top=("efficientnetb6.h5", "md5:165f6e37dce68623721b423839de8be5"),
            notop=("efficientnetb6_notop.h5", "md5:9ecce42647a20130c1f39a5d4cb75743"),
        ),
    ),
    Network(
        name="efficientnet_b7",
        keras_name="EfficientNetB7",
        default_size=600,
        minimum_size=32,
        preprocessing="none",
        published=Published(
            parameters=66_658_687, top1=0.843, top5=0.97, megabytes=256, licence="Apache-2.0"
        ),
        weights=pair(
            "https://storage.googleapis.com/keras-applications/",
            top=("efficientnetb7.h5", "md5:8c03f828fec3ef71311cd463b6759d99"),
            notop=("efficientnetb7_notop.h5", "md5:cbcfe4450ddf6f3ad90b1b398090fe4a"),
        ),
    ),
    Network(
        name="efficientnet_v2_b0",
        keras_name="EfficientNetV2B0",
        default_size=224,
        minimum_size=32,
        preprocessing="none",
        published=Published(parameters=7_200_312, top1=0.787, top5=0.943, megabytes=29, licence="Apache-2.0"),
        weights=pair(
            "efficientnet_v2/",
            top=("efficientnetv2-b0.h5", "md5:21ecbf6da12460d5c40bb2f29ceb2188"),
            notop=("efficientnetv2-b0_notop.h5", "md5:893217f2bb855e2983157299931e43ff"),
        ),
    ),
    Network(
        name="efficientnet_v2_b1",
        keras_name="EfficientNetV2B1",
        default_size=240,
        minimum_size=32,
        preprocessing="none",
        published=Published(parameters=8_212_124, top1=0.798, top5=0.95, megabytes=34, licence="Apache-2.0"),
        weights=pair(
            "efficientnet_v2/",
            top=("efficientnetv2-b1.h5", "md5:069f0534ff22adf035c89e2d9547a9dc"),
            notop=("efficientnetv2-b1_notop.h5", "md5:0e80663031ca32d657f9caa404b6ec37"),
        ),
    ),
    Network(
        name="efficientnet_v2_b2",
        keras_name="EfficientNetV2B2",
        default_size=260,
        minimum_size=32,
        preprocessing="none",
        published=Published(
            parameters=10_178_374, top1=0.805, top5=0.951, megabytes=42, licence="Apache-2.0"
        ),
        weights=pair(
            "efficientnet_v2/",
            top=("efficientnetv2-b2.h5", "md5:424e49f28180edbde1e94797771950a7"),
            notop=("efficientnetv2-b2_notop.h5", "md5:1dfe2e7a5d45b6632553a8961ea609eb"),
        ),
    ),
    Network(
        name="efficientnet_v2_b3",
        keras_name="EfficientNetV2B3",
        default_size=300,
        minimum_size=32,
        preprocessing="none",
        published=Published(parameters=14_467_622, top1=0.82, top5=0.958, megabytes=59, licence="Apache-2.0"),
        weights=pair(
            "efficientnet_v2/",
            top=("efficientnetv2-b3.h5", "md5:1f1fc43bd98a6e4fd8fdfd551e02c7a0"),
            notop=("efficientnetv2-b3_notop.h5", "md5:f6abf7b5849ac99a89b50dd3fd532856"),
        ),
    ),
    Network(
        name="efficientnet_v2_s",
        keras_name="EfficientNetV2S",
        default_size=384,
        minimum_size=32,
        preprocessing="none",
        published=Published(
            parameters=21_612_360, top1=0.839, top5=0.967, megabytes=88, licence="Apache-2.0"
        ),
        weights=pair(
            "efficientnet_v2/",
            top=("efficientnetv2-s.h5", "md5:e1d88a8495beba45748fedd0cecbe016"),
            notop=("efficientnetv2-s_notop.h5", "md5:af0682fb74e8c54910f2d4393339c070"),
        ),
    ),
    Network(
        name="efficientnet_v2_m",
        keras_name="EfficientNetV2M",
        default_size=480,
        minimum_size=32,
        preprocessing="none",
        published=Published(
            parameters=54_431_388, top1=0.853, top5=0.974, megabytes=220, licence="Apache-2.0"
        ),
        weights=pair(
            "efficientnet_v2/",
            top=("efficientnetv2-m.h5", "md5:a3bf6aa3276309f4fc6a34aa114c95cd"),
            notop=("efficientnetv2-m_notop.h5", "md5:1b8dc055df72dde80d614482840fe342"),
        ),
    ),
    Network(
        name="efficientnet_v2_l",
        keras_name="EfficientNetV2L",
        default_size=480,
        minimum_size=32,
        preprocessing="none",
        published=Published(
            parameters=119_027_848, top1=0.857, top5=0.975, megabytes=479, licence="Apache-2.0"
        ),
        weights=pair(
            "efficientnet_v2/",
            top=("efficientnetv2-l.h5", "md5:27e6d408b53c7ebc868fefa357689935"),
            notop=("efficientnetv2-l_notop.h5", "md5:b0b66b5c863aef5b46e8608fe1711615"),
        ),
    ),
)
