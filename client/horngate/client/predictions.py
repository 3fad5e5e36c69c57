"""One prediction: inputs cast to what the model declares, sent, and the answer's arrays.

What a model declares is asked for once and remembered. It may change under us, for a model's file may be
replaced while it is served; so when remembered inputs lead to a refusal, ours or the server's, they are asked
for again, and the prediction too if they differ.
"""

from dataclasses import dataclass
from typing import NamedTuple

from horngate.client.calls import ask, exchange, oip_path
from horngate.client.pictures import are_pixels, as_pictures, with_files
from horngate.client.session import Session
from horngate.client.steps import Deadline, Operation
from horngate.client.tensors import Array, Inputs, arrays_for, arrays_of
from horngate.contract.errors import InternalError, InvalidRequest, NotFound, Unsupported
from horngate.contract.tensors import DATATYPES, TensorSpec
from horngate.oip import messages as oip
from horngate.oip.codec import encode_tensor
from horngate.oip.wire import assemble_infer_request, parse_infer_response
from horngate.v1 import horngate_pb2 as v1
from horngate.v1.describe import SERVICE as DESCRIBE_SERVICE

SEEDS = 1 << 64
"""So many are there: the numbers from 0 on."""

Specs = tuple[TensorSpec, ...]


@dataclass(frozen=True, kw_only=True)
class Place:
    """A prediction's place in a sequence. `number` counts from 1; 0 says nothing of it.

    `reset` begins all states (True), or those of these layers, anew before the step. `server` has the states; if
    the sequence `may_move`, another can have them.
    """

    id: int | str
    start: bool = False
    end: bool = False
    number: int = 0
    reset: bool | tuple[str, ...] = False
    server: str = ""
    may_move: bool = False


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """An empty `version` is the server's choice; without `names`, the model's own outputs are wanted.

    `priority` is 1 for the highest, 0 for the server's default; `timed` asks for timings. In `training`, `seed`
    makes what is random the same again. `place` makes it a step of a sequence. With `top`, the names of so many
    best classes are wanted of the one output.
    """

    model: str
    version: str
    inputs: Inputs
    names: tuple[str, ...]
    priority: int = 0
    timed: bool = False
    training: bool = False
    seed: int | None = None
    place: Place | None = None
    top: int = 0


class Answer(NamedTuple):
    """The outputs by name, and the message that they came in."""

    outputs: dict[str, Array]
    message: oip.ModelInferResponse


def run(session: Session, wanted: Prediction, deadline: Deadline) -> Operation[Answer]:
    """The answer."""
    known = session.inputs.get((wanted.model, wanted.version))
    if known is None:
        learned = yield from learn(session, wanted.model, wanted.version, deadline)
        return (yield from _infer(session, wanted, learned, deadline))
    try:
        return (yield from _infer(session, wanted, known, deadline))
    except (InvalidRequest, NotFound):
        learned = yield from learn(session, wanted.model, wanted.version, deadline)
        if learned == known:
            raise
    return (yield from _infer(session, wanted, learned, deadline))


def learn(session: Session, model: str, version: str, deadline: Deadline) -> Operation[Specs]:
    """The model's inputs, as its server declares them now."""
    request = oip.ModelMetadataRequest(name=model, version=version)
    answer = yield from ask(session, oip_path("ModelMetadata"), request, oip.ModelMetadataResponse, deadline)
    specs = tuple(_spec(model, tensor) for tensor in answer.inputs)
    session.outputs[model, version] = tuple(output.name for output in answer.outputs)
    session.takes_pixels.pop((model, version), None)
    session.inputs[model, version] = specs
    return specs


def _names(session: Session, wanted: Prediction) -> tuple[str, ...]:
    """The outputs to ask for by name; the model's only one, if classes are wanted and none is named."""
    if not wanted.top or wanted.names:
        return wanted.names
    names = session.outputs[wanted.model, wanted.version]
    if len(names) != 1:
        raise InvalidRequest(
            f"model '{wanted.model}' has the outputs {', '.join(names)}; say with output= which one has the classes"
        )
    return names


def _takes_pixels(session: Session, wanted: Prediction, deadline: Deadline) -> Operation[bool]:
    """Whether the model takes uint8 pixels beside the floats that it declares; asked for once."""
    key = (wanted.model, wanted.version)
    if key not in session.takes_pixels:
        request = v1.DescribeModelRequest(name=wanted.model, version=wanted.version)
        path = f"/{DESCRIBE_SERVICE}/DescribeModel"
        try:
            answer = yield from ask(session, path, request, v1.DescribeModelResponse, deadline)
            session.takes_pixels[key] = answer.HasField("image")
        except Unsupported:  # Another server of the protocol.
            session.takes_pixels[key] = False
    return session.takes_pixels[key]


def _spec(model: str, tensor: oip.ModelMetadataResponse.TensorMetadata) -> TensorSpec:
    if tensor.datatype not in DATATYPES:
        raise Unsupported(
            f"model '{model}': input '{tensor.name}' is {tensor.datatype}; "
            f"this client sends {', '.join(sorted(DATATYPES))}"
        )
    shape = tuple(None if size < 0 else size for size in tensor.shape)
    return TensorSpec(name=tensor.name, datatype=tensor.datatype, shape=shape)


def _infer(session: Session, wanted: Prediction, specs: Specs, deadline: Deadline) -> Operation[Answer]:
    if wanted.seed is not None and not 0 <= wanted.seed < SEEDS:
        raise InvalidRequest(
            f"model '{wanted.model}': received seed={wanted.seed}; expected a whole number from 0 to 2**64 - 1"
        )
    names = _names(session, wanted)
    inputs = with_files(wanted.inputs, specs)
    pixels = are_pixels(inputs, specs) and (yield from _takes_pixels(session, wanted, deadline))
    arrays = arrays_for(wanted.model, inputs, as_pictures(inputs, specs, pixels=pixels))
    request = oip.ModelInferRequest(
        model_name=wanted.model,
        model_version=wanted.version,
        inputs=[
            oip.ModelInferRequest.InferInputTensor(name=spec.name, datatype=spec.datatype, shape=array.shape)
            for spec, array in arrays
        ],
        outputs=[oip.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in names],
    )
    if wanted.top:
        request.outputs[0].parameters["classification"].int64_param = wanted.top
    if wanted.priority:
        request.parameters["priority"].uint64_param = wanted.priority
    if wanted.timed:
        request.parameters["timings"].bool_param = True
    if wanted.training:
        request.parameters["training"].bool_param = True
    if wanted.seed is not None:
        request.parameters["seed"].uint64_param = wanted.seed
    if wanted.place is not None:
        write_place(request, wanted.place)
    data = assemble_infer_request(request, (encode_tensor(array) for _, array in arrays))
    server, may_move = (wanted.place.server, wanted.place.may_move) if wanted.place else ("", False)
    answer = yield from exchange(session, oip_path("ModelInfer"), data, deadline, server, may_move=may_move)
    parsed = parse_infer_response(answer)
    outputs = arrays_of(*parsed)
    missing = [name for name in wanted.names if name not in outputs]
    if missing or not outputs:
        raise InternalError(
            f"model '{wanted.model}': the server answered with {', '.join(outputs) or 'no outputs'}; "
            f"asked for {', '.join(wanted.names) or 'the outputs of the model'}"
        )
    return Answer(outputs, parsed.message)


def write_place(request: oip.ModelInferRequest, place: Place) -> None:
    """Make a request a step of a sequence."""
    parameters = request.parameters
    if isinstance(place.id, str):
        parameters["sequence_id"].string_param = place.id
    else:
        parameters["sequence_id"].uint64_param = place.id
    parameters["sequence_start"].bool_param = place.start
    parameters["sequence_end"].bool_param = place.end
    if place.number:
        parameters["sequence_step"].int64_param = place.number
    if place.reset is True:
        parameters["reset_states"].bool_param = True
    elif place.reset:
        parameters["reset_states"].string_param = ",".join(place.reset)
