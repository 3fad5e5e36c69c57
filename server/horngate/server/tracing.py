"""OpenTelemetry, where it is asked for: the library is imported by what is called here, and by nothing else.

Spans go out over OTLP in batches, from a thread of the library's own.
"""

import logging
import os
import threading
import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from horngate.contract.errors import LoadError
from horngate.server.logs import logger

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Tracer
    from opentelemetry.sdk.trace.sampling import Sampler

SAMPLER_VARIABLE = "OTEL_TRACES_SAMPLER"
_ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_FLUSH_S = 2.0
_ID_BYTES, _TRACE_BYTES = 8, 24
_MISSING = "OpenTelemetry is not installed: pip install 'horngate[otel]'"


def chosen_endpoint(flag: str) -> str | None:
    """Where spans go: the setting, or "" where OpenTelemetry's own variables say it; None if nobody does.

    LoadError: it is set, and the extra `otel` is not installed.
    """
    if flag:
        if not _is_installed():
            raise LoadError(f"tracing is {flag!r}: {_MISSING}")
        return flag
    named = any(os.environ.get(variable) for variable in _ENDPOINT_VARIABLES)
    if not named or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return None
    if not _is_installed():
        logger().warning("no tracing, although the environment names a collector", reason=_MISSING)
        return None
    return ""


def _is_installed() -> bool:
    # To look for a package within another imports that one.
    return all(find_spec(name) for name in ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter"))


class Tracing:
    """Makes the spans of one process. Any thread may call it.

    `sampler` None: as the environment says; a span whose parent is sampled is, too.
    """

    def __init__(self, endpoint: str, process: str, sampler: "Sampler | None" = None) -> None:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        _tell_in_our_log()
        resource = Resource.create({"horngate.process": process})
        if not os.environ.get("OTEL_SERVICE_NAME") and "service.name=" not in os.environ.get(
            "OTEL_RESOURCE_ATTRIBUTES", ""
        ):
            resource = resource.merge(Resource({"service.name": "horngate"}))
        self._provider: TracerProvider = TracerProvider(
            sampler=sampler, resource=resource, shutdown_on_exit=False
        )
        exporter = OTLPSpanExporter(endpoint=endpoint or None)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self.tracer: Tracer = self._provider.get_tracer("horngate")  # type: ignore[assignment]

    def stop(self) -> None:
        """Send what is left, if the collector takes it within a moment."""
        flushing = threading.Thread(target=self._provider.shutdown, daemon=True)
        flushing.start()
        flushing.join(_FLUSH_S)


def written_context(span: Any) -> bytes | None:
    """A span's identity, for other processes to hang theirs on; None if it is not sampled."""
    context = span.get_span_context()
    if not context.trace_flags.sampled:
        return None
    return bytes(context.trace_id.to_bytes(16) + context.span_id.to_bytes(_ID_BYTES))


def read_context(trace: bytes) -> Any:
    """The SpanContext that `written_context` wrote."""
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(
        trace_id=int.from_bytes(trace[:-_ID_BYTES]),
        span_id=int.from_bytes(trace[-_ID_BYTES:_TRACE_BYTES]),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def child_of(span_context: Any) -> Any:
    """The context to start a span in that is to be a child."""
    from opentelemetry.trace import NonRecordingSpan, set_span_in_context

    return set_span_in_context(NonRecordingSpan(span_context))


def caller_context(headers: Mapping[str, str]) -> Any:
    """The context that a caller's `traceparent` and `tracestate` (W3C) say."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract(headers)


class WallClock:
    """Moments of time.monotonic() in nanoseconds since 1970, as spans have them."""

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def ns(self, moment_s: float) -> int:
        """One moment."""
        return int(moment_s * 1e9) + self._offset_ns


class _InOurLog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """What the library has to say, such as that the collector is not there."""
        level = "error" if record.levelno >= logging.ERROR else "warning"
        getattr(logger(), level)("opentelemetry", told=record.getMessage())


def _tell_in_our_log() -> None:
    library = logging.getLogger("opentelemetry")
    library.propagate = False
    if not any(isinstance(each, _InOurLog) for each in library.handlers):
        library.addHandler(_InOurLog(level=logging.WARNING))
