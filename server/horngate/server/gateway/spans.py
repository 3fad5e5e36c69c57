"""The span of each request, from its arrival to its answer; and how many requests have one."""

import os
from typing import Any

from horngate.contract.errors import HorngateError, InvalidRequest, Unsupported
from horngate.oip import messages as oip
from horngate.oip.status import code_of
from horngate.server.gateway.infer import Call, Respond
from horngate.server.gateway.origin import Origin
from horngate.server.gateway.questions import Questions
from horngate.server.gateway.sampling import Dial
from horngate.server.tracing import SAMPLER_VARIABLE, Tracing, caller_context, written_context

PATIENCE_S = 5.0
_LEVEL, _RATE, _MODE = "trace_level", "trace_rate", "trace_mode"
_LEVELS: dict[tuple[str, ...], bool] = {("OFF",): False, ("TIMESTAMPS",): True, (): True}


class Spans:
    """The gateway's event loop owns it. `current` is the span of the request that is being read."""

    def __init__(self, endpoint: str, process: str) -> None:
        self.current: Any = None
        self.is_on = True
        self._dial = None if os.environ.get(SAMPLER_VARIABLE) else Dial()
        self._tracing = Tracing(endpoint, process, None if self._dial is None else self._dial.sampler)

    def begin(self, method: str, origin: Origin, respond: Respond) -> Respond:
        """Start a request's span, a child of its caller's; it ends with the answer through what is returned."""
        from opentelemetry.trace import SpanKind

        if not self.is_on:
            return respond
        service, _, name = method.strip("/").partition("/")
        span = self._tracing.tracer.start_span(
            method.strip("/"),
            context=caller_context(origin.trace),
            kind=SpanKind.SERVER,
            attributes={"rpc.system": "grpc", "rpc.service": service, "rpc.method": name},
        )
        self.current = span

        def answer(result: bytes | HorngateError) -> None:
            _end(span, result)
            respond(result)

        return answer

    def take(self, call: Call) -> None:
        """The request that was begun has been read: its worker hangs its spans on this one."""
        span, self.current = self.current, None
        if span is None or not span.is_recording():
            return
        call.span = span
        call.trace = written_context(span)
        entry = call.entry
        span.set_attributes(
            {"horngate.model": entry.name, "horngate.version": entry.version, "horngate.rows": call.rows}
        )

    def cancel(self, call: Call) -> None:
        """The caller of a request is gone."""
        if call.span is not None:
            call.span.set_attribute("rpc.grpc.status_code", 1)
            call.span.end()

    def dial(self, settings: dict[str, Any]) -> None:
        """Sample as the server's settings say."""
        self.is_on = settings["on"]
        if self._dial is not None:
            self._dial.turn(settings["rate"])

    def stop(self) -> None:
        """Send what is left."""
        self._tracing.stop()


def _end(span: Any, result: bytes | HorngateError) -> None:
    from opentelemetry.trace import Status, StatusCode

    code = code_of(result) if isinstance(result, HorngateError) else None
    span.set_attribute("rpc.grpc.status_code", 0 if code is None else code.value[0])
    if code is not None:
        span.set_status(Status(StatusCode.ERROR, str(result)))
    span.end()


def trace_setting(
    spans: Spans | None,
    questions: Questions,
    request: oip.TraceSettingRequest,
    origin: Origin,
    respond: Respond,
) -> None:
    """TraceSetting: one of how many requests is traced. Unsupported: tracing is off, or it cannot be set."""
    if spans is None:
        raise Unsupported("this server does not trace; it does when it is started with --tracing URL")
    if request.model_name:
        raise Unsupported(
            f"model_name is '{request.model_name:.80}'; tracing is set for all models: leave it out"
        )
    changes: dict[str, Any] = {}
    for name, value in request.settings.items():
        changes |= _change(name, list(value.value))
    questions.ask("trace", changes, str(origin), write=_written, respond=respond, patience_s=PATIENCE_S)


def _change(name: str, values: list[str]) -> dict[str, Any]:
    if name == _LEVEL and tuple(values) in _LEVELS:
        return {"on": _LEVELS[tuple(values)]}
    if name == _RATE and os.environ.get(SAMPLER_VARIABLE):
        raise Unsupported(f"{_RATE} is {values}; {SAMPLER_VARIABLE} says what is sampled on this server")
    if name == _RATE and len(values) <= 1 and all(each.isdecimal() and int(each) for each in values):
        return {"rate": int(values[0]) if values else 1}
    if name == _MODE and values in ([], ["opentelemetry"]):
        return {}
    raise InvalidRequest(
        f"trace setting '{name:.80}' is {values!s:.80}; expected {_LEVEL} OFF or TIMESTAMPS, {_RATE} 1 or more, "
        f"or {_MODE} opentelemetry"
    )


def _written(settings: dict[str, Any]) -> bytes:
    response = oip.TraceSettingResponse()
    response.settings[_LEVEL].value.append("TIMESTAMPS" if settings["on"] else "OFF")
    response.settings[_RATE].value.append(str(settings["rate"]))
    response.settings[_MODE].value.append("opentelemetry")
    return response.SerializeToString()
