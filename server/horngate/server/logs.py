"""Structured logs on standard error: coloured lines on a terminal, one JSON object a line elsewhere."""

import logging
import os
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any


def _without_rich() -> Any:
    """structlog alone: by itself it imports rich, for tracebacks in colours, which is an eighth of a gateway."""
    hidden = "rich" not in sys.modules
    if hidden:
        sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        return import_module("structlog")
    finally:
        if hidden:
            del sys.modules["rich"]


structlog = _without_rich()

FORMAT_VARIABLE = "HORNGATE_LOG_FORMAT"


ADMIN = "admin"
"""A line with this field true tells who changed what of the server, and is logged whatever is off."""


@dataclass(frozen=True, kw_only=True)
class LogLevels:
    """What is logged. `verbose` 1: each request as well; 2: each batch."""

    info: bool = True
    warning: bool = True
    error: bool = True
    verbose: int = 0


# This process's, as `set_levels` says.
_levels = LogLevels()


def configure_logs(process: str) -> None:
    """Set this process's logs up; `process` is stamped on each line. HORNGATE_LOG_FORMAT=json|console forces."""
    chosen = os.environ.get(FORMAT_VARIABLE) or ("console" if sys.stderr.isatty() else "json")
    renderer: Any = (
        structlog.dev.ConsoleRenderer() if chosen == "console" else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            _drop_what_is_off,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_lowest()),
        # Looked up each time: a live display on the terminal puts its own in the way, above which lines go.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(process=process)


def set_levels(levels: LogLevels) -> None:
    """Log these levels from now on, in this process."""
    global _levels
    _levels = levels
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_lowest()))


def verbosity() -> int:
    """How much is logged of single requests and batches; asked before a line is made that is mostly not wanted."""
    return _levels.verbose


def _lowest() -> int:
    return logging.DEBUG if _levels.verbose else logging.INFO


def _drop_what_is_off(_: Any, method: str, event: Any) -> Any:
    if event.pop(ADMIN, False):
        return event
    off = {"info": not _levels.info, "warning": not _levels.warning}.get(method, False)
    if off or (method in ("error", "exception", "critical") and not _levels.error):
        raise structlog.DropEvent
    return event


def logger() -> Any:
    """The logger: `.info(event, **fields)` and its kin."""
    return structlog.get_logger()
