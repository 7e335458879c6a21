"""The LOGGING setting: every line, whoever writes it, as text or as JSON on standard error.

Our code logs through the standard library, with `extra` for what a machine should find.
"""

import logging
import re
import sys
from collections.abc import Mapping
from datetime import date
from typing import Any, TextIO
from urllib.parse import quote, unquote

import structlog
from django.core.exceptions import ImproperlyConfigured
from structlog.typing import EventDict, Processor, WrappedLogger

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
STYLES = ("console", "json")

MASK = "***"
WORDS = r"(?:passw(?:or)?d|pwd|secret|token|api_?key)"
SECRET_NAME = re.compile(WORDS, re.IGNORECASE)
# As far as the last @ of the word: an unescaped @ or / in a password must not end it. Both patterns
# begin at the start of a word alone: from each letter of a long one they would take seconds.
URL_PASSWORD = re.compile(r"(?<![a-z0-9+.\-])([a-z][a-z0-9+.\-]*://[^\s:/@]*):\S*@", re.IGNORECASE)
# password=x, 'PASSWORD': 'x', "api_key": "x"; libpq's own connection strings are of the first form.
NAMED_SECRET = re.compile(
    rf"""(?<![\w-])([\w-]*{WORDS}[\w-]*["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&)}}\]]+)""",
    re.IGNORECASE,
)

# A shorter one stands in too many words by chance.
SHORTEST_SECRET = 6
_known_secrets: set[str] = set()

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
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "fields": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _collecting(),
                "processors": _rendering(style),
            }
        },
        "handlers": {
            # The level stands here too: FastF1 sets its logger to DEBUG when it is imported.
            "stderr": {"()": StandardError, "level": level, "formatter": "fields"}
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Prints a traceback for each request that fails, which is reported anyway.
            "requests_cache": {"level": "ERROR"},
            "urllib3": {"level": "WARNING"},
            "matplotlib": {"level": "WARNING"},  # FastF1 imports it; it tells of font caches
        },
    }


def _collecting() -> list[Processor]:
    return [
        # First, so that `extra={"event": ...}` does not take the message's place.
        structlog.processors.EventRenamer("message"),
        structlog.stdlib.ExtraAdder(),
        drop_noise,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_secrets,
    ]


def _rendering(style: str) -> list[Processor]:
    renderer: Processor = structlog.processors.JSONRenderer()
    if style == "console":
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            event_key="message",
            # The default shows local variables, and with them whatever they hold.
            exception_formatter=structlog.dev.plain_traceback,
        )
    return [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]


def drop_noise(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    for name in NOISE:
        event_dict.pop(name, None)
    return event_dict


def mask_secrets(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Passwords of URLs and what is named like a secret, in message, fields and tracebacks."""
    return {
        name: value if name.startswith("_") else _masked(name, value)
        for name, value in event_dict.items()
    }


def keep_secret(*values: str) -> None:
    """Mask these wherever they stand from now on, as they are and as addresses write them."""
    for value in values:
        for form in (value, quote(value, safe=""), unquote(value)):
            if len(form) >= SHORTEST_SECRET:
                _known_secrets.add(form)


def keep_secrets_of_addresses(*addresses: str) -> None:
    """The passwords in them, malformed ones included: what stands between the first : and an @."""
    for address in addresses:
        userinfo, at, _ = (address.partition("://")[2] or address).rpartition("@")
        if at:
            keep_secret(userinfo.partition(":")[2])


def is_named_secret(name: str) -> bool:
    return SECRET_NAME.search(name) is not None


def _masked(name: object, value: object) -> object:
    if is_named_secret(str(name)):
        return MASK
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _masked(key, item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked("", item) for item in value]
    return mask_text(value.isoformat() if isinstance(value, date) else str(value))


def mask_text(text: str) -> str:
    for secret in sorted(_known_secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return NAMED_SECRET.sub(rf"\1{MASK}", URL_PASSWORD.sub(rf"\1:{MASK}@", text))
