"""Every setting of `horngate serve`, declared once.

Flags, variables of the environment, keys of a file, their checks, the help and docs/configuration.md are all made
from this. A new setting is one entry here and one line in `building`.
"""

from horngate.server.budget import MemorySetting
from horngate.server.config import kinds
from horngate.server.config.setting import Group, Setting
from horngate.server.devices import read_devices, server_cores
from horngate.server.gateway_settings import TRANSPORTS, GatewaySettings
from horngate.server.precision import BFLOAT16, FLOAT32
from horngate.server.settings import BuildSettings, QueueSettings, ServerSettings
from horngate.server.zoo_settings import PUBLISHED, ZooSettings, read_networks

_DOOR = GatewaySettings()
_PORT = kinds.whole(0, kinds.MOST_PORT, "PORT")

_MODELS = Group(
    title="what is served",
    settings=(
        Setting(
            key="models",
            kind=kinds.path("FOLDER"),
            place=True,
            about="folder with NAME.h5, NAME.hdf5, NAME.keras or NAME/VERSION/model.h5, each optionally with "
            "NAME/model.toml; it is watched, and new files and versions are taken in while serving",
        ),
        Setting(
            key="cache",
            kind=kinds.path("FOLDER"),
            default=str(ServerSettings.cache),
            about="folder for what is built from the models; a second start is ready at once",
        ),
    ),
)

_ZOO = Group(
    title="networks of the zoo",
    settings=(
        Setting(
            key="zoo",
            kind=kinds.checked(read_networks, "NAME,…", "networks, as in mobilenet_v2,resnet50", many=True),
            about="also serve these networks (`horngate zoo list`): mobilenet_v2,resnet50; with options, as in "
            "mobilenet:alpha=0.25, and under other names, as in eyes=resnet50:include_top=false:pooling=avg",
        ),
        Setting(
            key="zoo_weights",
            kind=kinds.path_unless("WHICH", "imagenet, none or a file", *PUBLISHED),
            default=ZooSettings.weights,
            about="weights for the networks of `zoo`: imagenet (fetched once), none (random), or a file",
        ),
        Setting(
            key="zoo_mirror",
            kind=kinds.path_unless("PLACE", "a URL or a folder"),
            without="where Keras gets them",
            about="a URL or a folder to fetch published weights from",
        ),
        Setting(
            key="zoo_offline",
            kind=kinds.switch(),
            default=False,
            alias="--offline",
            about="fetch nothing; weights are in Keras's cache, or are missed",
        ),
        Setting(
            key="zoo_pins",
            kind=kinds.path(),
            about="checksums of weights, as `sha256sum` writes them; they count before the published ones",
        ),
    ),
)

_CALLED = Group(
    title="where and how it is called",
    settings=(
        Setting(
            key="host",
            kind=kinds.text("ADDRESS"),
            default=_DOOR.host,
            about="address to listen on; 0.0.0.0 for every interface",
        ),
        Setting(key="grpc_port", kind=_PORT, default=_DOOR.port, about="for gRPC, 0 for any free one"),
        Setting(
            key="http_port",
            kind=_PORT,
            default=_DOOR.http_port,
            about="for the same protocol as HTTP and JSON, 0 for any free one",
        ),
        Setting(
            key="http",
            kind=kinds.switch(),
            default=True,
            about="whether there is HTTP and JSON; metrics and health stay",
        ),
        Setting(
            key="http_origin",
            kind=kinds.names("URL", "origins, as in https://lab.example"),
            about="pages of this origin may call HTTP from a browser; may be given several times",
        ),
        Setting(
            key="metrics_port",
            kind=_PORT,
            default=ServerSettings.metrics_port,
            about="for /metrics and /healthz, 0 for any free one",
        ),
        Setting(
            key="transport",
            kind=kinds.one_of(*TRANSPORTS),
            without="native; with TLS grpcio",
            about="native: unary calls at a tenth of the CPU; grpcio: all of gRPC's own stack",
        ),
        Setting(
            key="gateways",
            kind=kinds.whole(1),
            without="one for every four cores",
            about="gateway processes that share the port",
        ),
        Setting(
            key="shared_memory",
            kind=kinds.switch(),
            default=_DOOR.shared_memory,
            about="callers on this machine may register their shared memory, and have tensors read and written "
            "there; any of the server's user that they name",
        ),
        Setting(
            key="upload_bytes",
            kind=kinds.size(0),
            default=_DOOR.upload_bytes,
            about="callers that may administer the server may upload models' files, so many bytes in all; 0: none",
        ),
        Setting(
            key="decoders",
            kind=kinds.whole(0),
            default=_DOOR.decoders,
            about="processes that decode pictures, started with the first model that takes some; 0: one for each "
            "core",
        ),
        Setting(
            key="max_message_bytes",
            kind=kinds.size(1),
            default=_DOOR.max_message_bytes,
            about="largest request that is taken",
        ),
        Setting(
            key="max_connections",
            kind=kinds.whole(1),
            default=_DOOR.max_connections,
            about="connections that each gateway holds; beyond them the youngest are ended",
        ),
    ),
)

_CALLERS = Group(
    title="who may call",
    settings=(
        Setting(
            key="tls_certificate",
            kind=kinds.path(),
            about="PEM file with the server's certificate and its chain: gRPC and HTTP over TLS",
        ),
        Setting(key="tls_key", kind=kinds.path(), about="PEM file with its key"),
        Setting(
            key="tls_client_ca",
            kind=kinds.path(),
            about="PEM file with an authority: callers need a certificate that it signed",
        ),
        Setting(
            key="tokens",
            kind=kinds.path(),
            about="callers need a bearer token of this TOML file: [NAME] with token or sha256, and scopes = "
            '["infer", "read", "admin"]',
        ),
    ),
)

_BUILDING = Group(
    title="what building a model may take",
    settings=(
        Setting(
            key="build_timeout",
            kind=kinds.duration(above=True, bare_s=1),
            default=f"{BuildSettings.timeout_s / 60:g}m",
            about="a file that takes longer to build is not served; without a unit, seconds",
        ),
        Setting(
            key="build_memory",
            kind=kinds.mebibytes(),
            default=BuildSettings.memory_bytes,
            about="memory that building one file may take; 0 for most of what is free; without a unit, MiB",
        ),
    ),
)

_SCHEDULING = Group(
    title="queues, batches and devices",
    settings=(
        Setting(
            key="devices",
            kind=kinds.checked(
                lambda names: read_devices(names, server_cores()),
                "NAME,…",
                "devices, as in cpu or gpu:0,gpu:1",
                many=True,
            ),
            default="cpu",
            about="a copy of every model on each: cpu, gpu:0,gpu:1, or virtual ones that share the cores: "
            "cpu:0,cpu:1",
        ),
        Setting(
            key="memory",
            kind=kinds.checked(
                MemorySetting.parse, "SIZE", 'a size like "6GiB", a part like "60%", or auto', toml=(int,)
            ),
            default="auto",
            about='what the workers may hold, models and batches: "6GiB", "60%" of the machine or container, or '
            "auto: what is available, less a reserve",
        ),
        Setting(
            key="precision",
            kind=kinds.one_of(FLOAT32, BFLOAT16),
            default=FLOAT32,
            about="what models compute in whose `model.toml` does not say: float32, as Keras does, or bfloat16, "
            "twice as fast where the CPU or GPU has it; int8 needs a model's own rows",
        ),
        Setting(
            key="max_delay",
            kind=kinds.duration(),
            default="0s",
            about='how long an idle device waits for company for a request, as in "5ms"',
        ),
        Setting(
            key="batch_timeout",
            kind=kinds.duration(above=True),
            default="60s",
            about="a batch that takes longer than this, and a hundred times longer than foretold, hangs: its "
            "worker is killed and replaced",
        ),
        Setting(
            key="sequence_idle",
            kind=kinds.duration(above=True),
            default="10m",
            about='how long a sequence of a stateful model is kept without a step, as in "30s"',
        ),
        Setting(
            key="queue_rows",
            kind=kinds.whole(1),
            without="what it computes in 30 s",
            about="the most rows of a model that wait on a device",
        ),
        Setting(
            key="queue_bytes",
            kind=kinds.size(1),
            default=f"{QueueSettings.bytes >> 30}GiB",
            about="the most bytes of a model's requests that wait on a device",
        ),
        Setting(
            key="engines",
            kind=kinds.names("NAME=MODULE:OBJECT", "engines, as in mine=mypkg.engines:Mine"),
            for_processes=True,
            about="engines of your own, for `engine = NAME` in a `model.toml`",
        ),
        Setting(
            key="virtual_devices",
            kind=kinds.whole(0),
            default=0,
            for_processes=True,
            about="divide the CPU in TensorFlow and JAX into so many, to try a placement without GPUs; 0: not",
        ),
    ),
)

_RUNNING = Group(
    title="how it runs",
    settings=(
        Setting(
            key="ready_file",
            kind=kinds.path(),
            about='written when everything is served: {"grpc": "HOST:PORT", "http": …, "metrics": …}',
        ),
        Setting(
            key="tracing",
            kind=kinds.text("URL"),
            without="off, or as OTEL_EXPORTER_OTLP_ENDPOINT says",
            about="spans of requests go to this collector over OTLP (gRPC), as in http://localhost:4317; needs the "
            "extra `otel`",
        ),
        Setting(
            key="log_format",
            kind=kinds.one_of("console", "json"),
            without="console on a terminal, json elsewhere",
            for_processes=True,
            about="how a log's line is written",
        ),
    ),
)

GROUPS = (_MODELS, _ZOO, _CALLED, _CALLERS, _BUILDING, _SCHEDULING, _RUNNING)
SETTINGS = {setting.key: setting for group in GROUPS for setting in group.settings}
