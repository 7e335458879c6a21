"""The LOGGING setting: every line, whoever writes it, as text or as JSON on standard error.

Our code logs through the standard library, with `extra` for what a machine should find.
"""

import logging
import os
import sys
from typing import Any, TextIO

import structlog
from django.core.exceptions import ImproperlyConfigured
from structlog.typing import EventDict, Processor, WrappedLogger

from f1picks.masking import mask_value

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
STYLES = ("console", "json")

# Not fields: whole objects (Django's request, runserver's socket) and another formatter's leavings.
NOISE = ("request", "server_time", "asctime")


class StandardError(logging.StreamHandler[TextIO]):
    """Looks sys.stderr up for each line: a progress display takes it over for a while."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def logging_config(*, level: str, style: str) -> dict[str, Any]:
    """`level` of LEVELS, `style` of STYLES; raises ImproperlyConfigured for any other."""
    if level not in LEVELS:
        raise ImproperlyConfigured(f"LOG_LEVEL is none of {', '.join(LEVELS)}.")
    if style not in STYLES:
        raise ImproperlyConfigured(f"LOG_FORMAT is none of {', '.join(STYLES)}.")
    collect: list[Processor] = [
        # First, so that `extra={"event": ...}` does not take the message's place.
        structlog.processors.EventRenamer("message"),
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        clean_fields,
    ]
    renderer: Processor = structlog.processors.JSONRenderer()
    if style == "console":
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR"),
            event_key="message",
            # The default shows local variables, and with them whatever they hold.
            exception_formatter=structlog.dev.plain_traceback,
        )
    render = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "fields": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": collect,
                "processors": render,
            }
        },
        "handlers": {
            # The level is set here too: FastF1 sets its logger to DEBUG when it is imported.
            "stderr": {"()": StandardError, "level": level, "formatter": "fields"}
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Prints a traceback for each request that fails, which is reported anyway.
            "requests_cache": {"level": "ERROR"},
            "urllib3": {"level": "WARNING"},
            # Another one, where a response ends in the middle of its headers.
            "urllib3.connection": {"level": "ERROR"},
            "matplotlib": {"level": "WARNING"},  # FastF1 imports it; it reports font caches
        },
    }


def clean_fields(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Without secrets and without what would change a terminal, in message, fields, tracebacks."""
    return {
        name: value if name.startswith("_") else mask_value(name, value)
        for name, value in event_dict.items()
        if name not in NOISE
    }
