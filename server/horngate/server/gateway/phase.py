"""The request parameters of the learning phase: `training`, and the `seed` that makes it repeatable."""

import secrets

from horngate.contract.errors import InvalidRequest
from horngate.oip.messages import ModelInferRequest, ModelInferResponse
from horngate.server.gateway.routes import Entry
from horngate.server.gateway.schedule import parameter_text, read_whole

SEED_BITS = 63
_SWITCHES = {"true": True, "false": False}


def read_seed(entry: Entry, message: ModelInferRequest) -> int | None:
    """The seed of a request in the training phase, drawn if it brings none; None for one in testing phase.

    InvalidRequest: `training` is no truth value, or there is a `seed` without it.
    """
    training = _is_training(entry, message)
    seed = read_whole(entry, message, "seed")
    if seed is not None and not training:
        raise InvalidRequest(
            f"model '{entry.name}': received a seed without training = true; nothing is random in testing phase"
        )
    return (secrets.randbits(SEED_BITS) if seed is None else seed) if training else None


def write_seed(response: ModelInferResponse, seed: int) -> None:
    """The seed that was used: asked with it, the same request gets the same answer."""
    response.parameters["seed"].uint64_param = seed


def _is_training(entry: Entry, message: ModelInferRequest) -> bool:
    if not message.parameters or "training" not in message.parameters:
        return False
    value = message.parameters["training"]
    kind = value.WhichOneof("parameter_choice")
    if kind == "bool_param":
        return bool(value.bool_param)
    if kind == "string_param" and value.string_param.lower() in _SWITCHES:
        return _SWITCHES[value.string_param.lower()]
    raise InvalidRequest(
        f"model '{entry.name}': parameter 'training' is {parameter_text(value)}; expected true or false"
    )
