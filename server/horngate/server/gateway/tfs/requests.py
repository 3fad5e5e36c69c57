"""TensorFlow Serving's requests as the ones that the gateway answers, and its answers' outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from horngate.contract.errors import InvalidRequest
from horngate.oip.messages import ModelInferRequest
from horngate.oip.wire import ParsedRequest, parse_infer_response
from horngate.server.gateway.routes import Entry
from horngate.server.gateway.tfs.models import SIGNATURE, WrongSignature
from horngate.tfs import messages as tfs
from horngate.tfs.examples import encode_features, features_of
from horngate.tfs.tensors import Raw, decode_proto

Output = tuple[str, list[int], Raw]
"""A datatype, a shape, and raw contents."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """The model and version that answered, and the outputs by name."""

    name: str
    version: str
    outputs: Mapping[str, Output]


def predict_request(request: tfs.PredictRequest, entry: Entry, version: str) -> ParsedRequest:
    """A Predict request. InvalidRequest, WrongSignature: in TensorFlow Serving's words."""
    signature = request.model_spec.signature_name
    if signature not in ("", SIGNATURE):
        raise WrongSignature(f'Serving signature key "{signature}" not found; expected "{SIGNATURE}"')
    _check_inputs(request.inputs, entry)
    message = _message(entry, version, request.output_filter)
    _check_outputs(request.output_filter, entry)
    raws = []
    for name, proto in request.inputs.items():
        datatype, shape, raw = decode_proto(proto, name)
        message.inputs.add(name=name, datatype=datatype, shape=shape)
        raws.append(raw)
    return ParsedRequest(message, raws)


def example_request(given: tfs.Input, entry: Entry, version: str, outputs: Sequence[str]) -> ParsedRequest:
    """A request whose rows are examples, for these outputs."""
    examples = features_of(given)
    message, raws = _message(entry, version, outputs), []
    for spec in entry.spec.inputs:
        shape, raw = encode_features(examples, spec)
        message.inputs.add(name=spec.name, datatype=spec.datatype, shape=shape)
        raws.append(raw)
    return ParsedRequest(message, list(raws))


def read_answer(answer: bytes) -> Answered:
    """What the bytes of a ModelInferResponse say."""
    message, raws = parse_infer_response(answer)
    outputs = {
        output.name: (output.datatype, list(output.shape), raw)
        for output, raw in zip(message.outputs, raws, strict=True)
    }
    return Answered(name=message.model_name, version=message.model_version, outputs=outputs)


def _message(entry: Entry, version: str, outputs: Sequence[str]) -> ModelInferRequest:
    message = ModelInferRequest(model_name=entry.name, model_version=version)
    for name in outputs:
        message.outputs.add(name=name)
    return message


def _check_inputs(inputs: Mapping[str, tfs.TensorProto], entry: Entry) -> None:
    wanted = entry.inputs.keys()
    if inputs.keys() != wanted:
        extra, missing = (
            ",".join(sorted(names)) for names in (inputs.keys() - wanted, wanted - inputs.keys())
        )
        sent, known = (",".join(sorted(names)) for names in (inputs, wanted))
        raise InvalidRequest(
            f"input size does not match signature: {len(inputs)}!={len(wanted)} len({{{sent}}}) != "
            f"len({{{known}}}). Sent extra: {{{extra}}}. Missing but required: {{{missing}}}."
        )


def _check_outputs(names: Sequence[str], entry: Entry) -> None:
    for name in names:
        if entry.spec.meant(name) is None:
            own = ",".join(spec.name for spec in entry.spec.outputs)
            raise InvalidRequest(
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set {{{own}}}, "
                "or layers' outputs"
            )
    if len(set(names)) < len(names):
        raise InvalidRequest(
            f"duplicate output tensor alias: {next(n for n in names if list(names).count(n) > 1)}"
        )
