"""The `config` of RepositoryModelLoad: Triton's ModelConfig as JSON, read into keys of `model.toml`.

Keys of `model.toml` may stand in it as they are, or among Triton's `parameters`. Never those that open files or
run code, which are the operator's.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError

from horngate.contract.errors import InvalidRequest, LoadError
from horngate.oip import messages as oip
from horngate.oip.pool import POOL
from horngate.server.model_file import overridden
from horngate.server.settings import ModelConfig
from horngate.zoo.labels import IMAGENET

KEYS = (
    "engine", "versions", "max_rows", "batching", "queue", "sequence", "instances", "load", "output", "pop",
    "placement", "layers", "preprocess", "labels", "version_labels", "default_version",
    "precision",
)  # fmt: skip
MOST_CHARACTERS = 1 << 20
OPERATORS = ("source", "weights", "custom_objects", "allow_code", "calibration", "max_error")
_DESCRIPTIONS = ("name", "platform", "backend", "input", "output")
"""What ModelConfig tells of a model, and clients send back; the model's own file says it."""

TOLD = "horngate."
"""What names of parameters begin with that ModelConfig tells, too."""

Table = dict[str, Any]


def read_override(name: str, text: str) -> Table:
    """The keys that `text` sets for a model. InvalidRequest: a key that is not for callers, or nothing here."""
    try:
        if len(text) > MOST_CHARACTERS:
            raise LoadError(f"received {len(text)} characters; expected at most {MOST_CHARACTERS}")
        given = json.loads(text)
        if not isinstance(given, dict):
            raise LoadError(f"received {type(given).__name__}; expected a JSON object")
        own = {key: value for key, value in given.items() if _is_own(key, value)}
        rest = {key: value for key, value in given.items() if key not in own}
        table = _of_triton(name, ParseDict(rest, oip.ModelConfig(), descriptor_pool=POOL)) | own
        _check(table)
    except (LoadError, ParseError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"model '{name}': config: {error}") from None
    return table


def _is_own(key: str, value: Any) -> bool:
    """Whether a key is one of `model.toml`; both know `output`, which is a list of objects in Triton's."""
    if key == "output":
        return not isinstance(value, list) or all(isinstance(each, str) for each in value)
    return key in KEYS or key in OPERATORS


def _check(table: Table) -> None:
    for key in table:
        if key in OPERATORS:
            raise LoadError(f"'{key}' is for the operator alone, in model.toml")
        if key not in KEYS:
            raise LoadError(
                f"unknown key '{key}'; expected Triton's ModelConfig, or one of {', '.join(KEYS)}"
            )
    labels = table.get("labels", IMAGENET)
    if isinstance(labels, str) and labels != IMAGENET:
        raise LoadError(f'labels is {labels!r}; expected a list of names, or "{IMAGENET}"')
    overridden(ModelConfig(), table)


def _of_triton(name: str, config: oip.ModelConfig) -> Table:
    table: Table = {}
    for field, value in config.ListFields():
        if field.name == "name" and value != name:
            raise LoadError(f"its name is '{value}'; expected '{name}'")
        if field.name in _DESCRIPTIONS:
            continue
        if field.name not in _READERS:
            known = ", ".join(sorted((*_DESCRIPTIONS, *_READERS)))
            raise LoadError(f"'{field.name}' means nothing here; expected {known}")
        table |= _READERS[field.name](value)
    return table


def _rows(most: int) -> Table:
    return {"max_rows": most}


def _only(message: Any, *known: str) -> None:
    """LoadError: a field is set that nobody here would heed."""
    for field, _ in message.ListFields():
        if field.name not in known:
            raise LoadError(f"'{field.name}' of {message.DESCRIPTOR.name} means nothing here")


def _versions(policy: Any) -> Table:
    kind = policy.WhichOneof("policy_choice")
    if kind == "specific":
        return {"versions": list(policy.specific.versions)}
    if kind == "latest" and policy.latest.num_versions > 1:
        raise LoadError(f"latest.num_versions is {policy.latest.num_versions}; expected 1, or all")
    return {"versions": kind} if kind else {}


def _batching(batching: Any) -> Table:
    # What runs fastest is measured here: preferred sizes are told, not taken.
    _only(batching, "preferred_batch_size", "max_queue_delay_microseconds")
    return {"queue": {"max_delay": f"{batching.max_queue_delay_microseconds}us"}}


def _sequences(batching: Any) -> Table:
    _only(batching, "max_sequence_idle_microseconds", "oldest", "direct")
    _only(batching.direct)
    _only(batching.oldest, "preferred_batch_size", "max_candidate_sequences")
    table: Table = {}
    if batching.max_sequence_idle_microseconds:
        table["idle"] = f"{batching.max_sequence_idle_microseconds}us"
    if batching.oldest.max_candidate_sequences:
        table["most"] = batching.oldest.max_candidate_sequences
    return {"sequence": table} if table else {}


def _instances(groups: Any) -> Table:
    for group in groups:
        _only(group, "name", "kind", "count")
        if group.kind == oip.ModelInstanceGroup.KIND_GPU:
            raise LoadError("instance_group has KIND_GPU; the server's --devices says where models run")
    return {"instances": sum(max(group.count, 1) for group in groups)}


def _parameters(parameters: Mapping[str, Any]) -> Table:
    return {key: _value(each.string_value) for key, each in parameters.items() if not key.startswith(TOLD)}


def _value(text: str) -> Any:
    """A parameter's text: JSON, or, where it is none, itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


_READERS: dict[str, Callable[[Any], Table]] = {
    "max_batch_size": _rows,
    "version_policy": _versions,
    "dynamic_batching": _batching,
    "sequence_batching": _sequences,
    "instance_group": _instances,
    "parameters": _parameters,
}
