"""Structured logs on standard error: coloured lines on a terminal, one JSON object a line elsewhere."""

import logging
import os
import sys
from typing import Any

import structlog

FORMAT_VARIABLE = "HORNGATE_LOG_FORMAT"


def configure_logs(process: str) -> None:
    """Set this process's logs up; `process` is stamped on each line. HORNGATE_LOG_FORMAT=json|console forces."""
    chosen = os.environ.get(FORMAT_VARIABLE) or ("console" if sys.stderr.isatty() else "json")
    renderer: Any = (
        structlog.dev.ConsoleRenderer() if chosen == "console" else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        # Looked up each time: a live display on the terminal puts its own in the way, above which lines go.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(process=process)


def logger() -> Any:
    """The logger: `.info(event, **fields)` and its kin."""
    return structlog.get_logger()
