"""LogSettings: which levels are logged, of all of the server's processes."""

from typing import Any

from horngate.contract.errors import InvalidRequest, Unsupported
from horngate.oip import messages as oip
from horngate.server.gateway.infer import Respond
from horngate.server.gateway.origin import Origin
from horngate.server.gateway.questions import Questions
from horngate.server.logs import LogLevels

PATIENCE_S = 5.0
FORMAT = "ISO8601"
_LEVELS = {"log_info": "info", "log_warning": "warning", "log_error": "error"}
_VERBOSE = "log_verbose_level"
# What Triton has besides, and is told as it is here; nothing else can be set.
_FIXED = {"log_file": "", "log_format": FORMAT}


def log_settings(
    questions: Questions, request: oip.LogSettingsRequest, origin: Origin, respond: Respond
) -> None:
    """Change what the request names, to what it was at first where it names no value; the reply has all.

    InvalidRequest, Unsupported: it names what cannot be.
    """
    changes: dict[str, Any] = {}
    for name, value in request.settings.items():
        if name in _FIXED:
            _check_fixed(name, value)
        else:
            changes |= _change(name, value)
    questions.ask("log", changes, str(origin), write=_written, respond=respond, patience_s=PATIENCE_S)


def _change(name: str, value: Any) -> dict[str, Any]:
    kind = value.WhichOneof("parameter_choice")
    level = "verbose" if name == _VERBOSE else _LEVELS.get(name)
    if level is not None and kind is None:
        return {level: getattr(LogLevels(), level)}
    if name in _LEVELS and kind == "bool_param":
        return {_LEVELS[name]: bool(value.bool_param)}
    if name == _VERBOSE and kind == "uint32_param":
        return {"verbose": int(value.uint32_param)}
    known = ", ".join((*_LEVELS, _VERBOSE))
    expected = (
        "a bool_param" if name in _LEVELS else "a uint32_param" if name == _VERBOSE else f"one of {known}"
    )
    raise InvalidRequest(f"log setting '{name:.80}' is {kind or 'empty'}; expected {expected}")


def _check_fixed(name: str, value: Any) -> None:
    if value.WhichOneof("parameter_choice") is not None and value.string_param != _FIXED[name]:
        raise Unsupported(
            f"{name} is '{value.string_param:.80}'; logs go to standard error, each line with its time, and "
            f"only '{_FIXED[name]}' is taken here: HORNGATE_LOG_FORMAT says how lines are written"
        )


def _written(levels: dict[str, Any]) -> bytes:
    response = oip.LogSettingsResponse()
    for name, level in _LEVELS.items():
        response.settings[name].bool_param = levels[level]
    response.settings[_VERBOSE].uint32_param = levels["verbose"]
    for name, text in _FIXED.items():
        response.settings[name].string_param = text
    return response.SerializeToString()
