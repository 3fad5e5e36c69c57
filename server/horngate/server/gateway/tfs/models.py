"""What TensorFlow Serving's clients ask of models themselves: which one a request means, signatures, states.

Where clients match on a message, it begins with TensorFlow Serving's words.
"""

import grpc

from horngate.contract.errors import HorngateError, InvalidRequest, LoadError, NotFound
from horngate.contract.tensors import TensorSpec
from horngate.server.gateway.routes import Entry, Routes
from horngate.tfs import messages as tfs
from horngate.tfs.tensors import dtype_of

SIGNATURE = "serving_default"
PREDICT = "tensorflow/serving/predict"
FIELD = "signature_def"
_STATES = {
    "READY": tfs.ModelVersionStatus.AVAILABLE,
    "LOADING": tfs.ModelVersionStatus.LOADING,
    "UNLOADING": tfs.ModelVersionStatus.UNLOADING,
    "UNAVAILABLE": tfs.ModelVersionStatus.END,
}


class WrongSignature(LoadError):
    """The model has no such signature; TensorFlow Serving's FAILED_PRECONDITION."""


def find(routes: Routes, spec: tfs.ModelSpec) -> tuple[Entry, str]:
    """The entry that answers for a ModelSpec, and the version asked for, "" for the newest.

    NotFound, InvalidRequest in TensorFlow Serving's words.
    """
    version = version_of(routes, spec)
    try:
        return routes.find_ready(spec.name, version), version
    except HorngateError as error:
        which = f"Specific({spec.name}, {version})" if version else f"Latest({spec.name})"
        raise NotFound(f"Servable not found for request: {which}; {error}") from None


def version_of(routes: Routes, spec: tfs.ModelSpec) -> str:
    """The version that a ModelSpec asks for, "" for the newest. A label may be a version's number."""
    if not spec.name:
        raise InvalidRequest("ModelSpec has no name set." if spec.ByteSize() else "Missing ModelSpec")
    if spec.WhichOneof("version_choice") == "version":
        return str(spec.version.value)
    label = spec.version_label
    if not label or label in routes.entries.get(spec.name, {}):
        return label
    labels = routes.version_labels.get(spec.name, {})
    if label not in labels:
        known = ", ".join(f"'{one}'" for one in labels) or "none"
        raise InvalidRequest(f"Unrecognized servable version label: {label}; model '{spec.name}' has {known}")
    return labels[label]


def answered_by(name: str, version: str, signature: str = "") -> tfs.ModelSpec:
    """The ModelSpec of an answer: the version that gave it, and the signature."""
    spec = tfs.ModelSpec(name=name, signature_name=signature)
    spec.version.value = int(version)
    return spec


def metadata(request: tfs.GetModelMetadataRequest, routes: Routes) -> tfs.GetModelMetadataResponse:
    """GetModelMetadata: the signature, whose outputs are the model's own."""
    if not request.metadata_field:
        raise InvalidRequest("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != FIELD:
            raise InvalidRequest(f"Metadata field {field} is not supported; expected {FIELD}")
    entry, _ = find(routes, request.model_spec)
    response = tfs.GetModelMetadataResponse(model_spec=answered_by(entry.name, entry.version))
    signatures = tfs.SignatureDefMap()
    signature = signatures.signature_def[SIGNATURE]
    signature.method_name = PREDICT
    for spec in entry.spec.inputs:
        _tell(spec, signature.inputs[spec.name], f"{SIGNATURE}_{spec.name}:0")
    for index, spec in enumerate(entry.spec.outputs):
        _tell(spec, signature.outputs[spec.name], f"StatefulPartitionedCall:{index}")
    told = response.metadata[FIELD]
    told.type_url = f"type.googleapis.com/{tfs.SignatureDefMap.DESCRIPTOR.full_name}"
    told.value = signatures.SerializeToString()
    return response


def _tell(spec: TensorSpec, to: tfs.TensorInfo, name: str) -> None:
    to.name = name
    to.dtype = dtype_of(spec.datatype)  # type: ignore[assignment]
    for size in spec.shape:
        to.tensor_shape.dim.add(size=-1 if size is None else size)


def status(request: tfs.GetModelStatusRequest, routes: Routes) -> tfs.GetModelStatusResponse:
    """GetModelStatus: every version of a model, newest first, or the one that is asked for."""
    asked = request.model_spec
    version = version_of(routes, asked)
    known = routes.entries.get(asked.name, {})
    entries = [one for one in reversed(list(known.values())) if version in ("", one.version)]
    response = tfs.GetModelStatusResponse(model_version_status=[_status(one) for one in entries])
    if not response.model_version_status:
        which = f"version {version}" if version else "any versions"
        raise NotFound(f"Could not find {which} of model {asked.name}")
    return response


def _status(entry: Entry) -> tfs.ModelVersionStatus:
    told = tfs.ModelVersionStatus(version=int(entry.version or 0), state=_STATES[entry.state])
    told.status.error_code = 0
    if entry.state == "UNAVAILABLE":
        told.status.error_code = grpc.StatusCode.FAILED_PRECONDITION.value[0]
        told.status.error_message = entry.reason
    return told
