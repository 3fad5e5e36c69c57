"""The methods that answer from the routing table: what is served, how it looks, whether it is ready."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from horngate.contract.tensors import TensorSpec
from horngate.oip import messages as oip
from horngate.server.gateway.routes import Routes
from horngate.server.override import TOLD
from horngate.v1 import horngate_pb2 as v1
from horngate.v1.describe import write_spec
from horngate.zoo.images.recipe import ImageInput

SERVER_NAME = "horngate"
EXTENSIONS = (
    "binary_tensor_data", "classification", "logging", "model_configuration", "model_repository",
    "model_repository(unload_dependents)", "parameters", "schedule_policy", "sequence", "statistics",
)  # fmt: skip
_CONFIG_TYPE = {"BYTES": "TYPE_STRING"}


def server_live(_: oip.ServerLiveRequest, routes: Routes) -> oip.ServerLiveResponse:
    """ServerLive: a gateway that answers is live."""
    return oip.ServerLiveResponse(live=True)


def server_ready(_: oip.ServerReadyRequest, routes: Routes) -> oip.ServerReadyResponse:
    """ServerReady: every model has a version that answers."""
    return oip.ServerReadyResponse(ready=routes.all_ready)


def model_ready(request: oip.ModelReadyRequest, routes: Routes) -> oip.ModelReadyResponse:
    """ModelReady. NotFound for a model or version that is not there."""
    return oip.ModelReadyResponse(ready=routes.find(request.name, request.version).ready)


def server_metadata(more: Sequence[str]) -> oip.ServerMetadataResponse:
    """ServerMetadata: the extensions that work, those among them that some servers alone have."""
    extensions = [*EXTENSIONS, *more]
    return oip.ServerMetadataResponse(name=SERVER_NAME, version=version("horngate"), extensions=extensions)


def model_metadata(request: oip.ModelMetadataRequest, routes: Routes) -> oip.ModelMetadataResponse:
    """ModelMetadata: shapes include the rows axis as -1."""
    entry = routes.find_ready(request.name, request.version)
    response = oip.ModelMetadataResponse(
        name=entry.name,
        versions=[each.version for each in routes.entries[entry.name].values() if each.ready],
        platform="keras",
    )
    for spec in entry.spec.inputs:
        response.inputs.add(name=spec.name, datatype=spec.datatype, shape=_axes(spec))
    for spec in entry.spec.outputs:
        response.outputs.add(name=spec.name, datatype=spec.datatype, shape=_axes(spec))
    return response


COMPARED = ("precision", "error", "top1", "compared_rows")
"""What ModelConfig's parameters tell of a model beside Keras; see ServedModel.report."""


def model_config(request: oip.ModelConfigRequest, routes: Routes) -> oip.ModelConfigResponse:
    """ModelConfig: dims leave the rows axis out; `max_batch_size` is the cap.

    Of a model that is served as sequences, the steps of different ones are batched, the oldest first.
    """
    entry = routes.find_ready(request.name, request.version)
    config = oip.ModelConfig(
        name=entry.name,
        platform="keras",
        backend=str(entry.report.get("engine", "")),
        max_batch_size=entry.cap,
    )
    preferred = [int(entry.report["dispatch_rows"])]
    if entry.report.get("sequences"):
        config.sequence_batching.max_sequence_idle_microseconds = int(entry.report["sequence_idle_s"] * 1e6)
        config.sequence_batching.oldest.preferred_batch_size.extend(preferred)
    else:
        config.dynamic_batching.preferred_batch_size.extend(preferred)
    for spec in entry.spec.inputs:
        config.input.add(name=spec.name, data_type=_config_type(spec), dims=_axes(spec)[1:])
    for spec in entry.spec.outputs:
        config.output.add(name=spec.name, data_type=_config_type(spec), dims=_axes(spec)[1:])
    for name in COMPARED:
        if name in entry.report:
            config.parameters[f"{TOLD}{name}"].string_value = str(entry.report[name])
    return oip.ModelConfigResponse(config=config)


def repository_index(request: oip.RepositoryIndexRequest, routes: Routes) -> oip.RepositoryIndexResponse:
    """RepositoryIndex: every version with its state, and the reason where it is not ready."""
    response = oip.RepositoryIndexResponse()
    for versions in routes.entries.values():
        for entry in versions.values():
            if entry.ready or not request.ready:
                response.models.add(
                    name=entry.name, version=entry.version, state=entry.state, reason=entry.reason
                )
    return response


def describe_model(request: v1.DescribeModelRequest, routes: Routes) -> v1.DescribeModelResponse:
    """horngate.v1 DescribeModel: inputs, outputs and every layer."""
    entry = routes.find_ready(request.name, request.version)
    response = v1.DescribeModelResponse(
        name=entry.name,
        version=entry.version,
        engine=str(entry.report.get("engine", "")),
        device=str(entry.report.get("device", "")),
        cap=entry.cap,
        state=entry.state,
        source=entry.source,
    )
    write_spec(entry.spec, response)
    response.labels.extend(entry.labels)
    if entry.image is not None:
        response.image.CopyFrom(_image(entry.image))
    return response


def _image(image: ImageInput) -> v1.ImageInput:
    recipe, (height, width, channels) = image.recipe, image.shape
    return v1.ImageInput(
        name=image.name,
        height=height,
        width=width,
        channels=channels,
        resize=recipe.resize,
        crop=recipe.crop or 0.0,
        scale=recipe.scaling.scale,
        mean=recipe.scaling.mean,
        std=recipe.scaling.std,
        channel_order=recipe.scaling.order,
    )


def _axes(spec: TensorSpec) -> list[int]:
    return [-1 if size is None else size for size in spec.shape]


def _config_type(spec: TensorSpec) -> Any:
    return _CONFIG_TYPE.get(spec.datatype, f"TYPE_{spec.datatype}")
