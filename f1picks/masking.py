"""Passwords and other secrets, masked in log lines and in Django's reports of errors."""

import re
from collections.abc import Mapping
from datetime import date
from urllib.parse import quote, unquote

from ingestion.errors import show_control_characters

MASK = "***"
_NAMES = r"(?:passw(?:or)?d|pwd|secret|token|api_?key)"
SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
# As far as the last @ of the word: an unescaped @ or / in a password must not end it. Both patterns
# begin at the start of a word alone: from each letter of a long one they would take seconds.
URL_PASSWORD = re.compile(r"(?<![a-z0-9+.\-])([a-z][a-z0-9+.\-]*://[^\s:/@]*):\S*@", re.IGNORECASE)
# password=x, 'PASSWORD': 'x', "api_key": "x"; libpq's own connection strings are of the first form.
NAMED_SECRET = re.compile(
    rf"""(?<![\w-])([\w-]*{_NAMES}[\w-]*["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&)}}\]]+)""",
    re.IGNORECASE,
)

# A shorter one occurs in other text by chance.
SHORTEST_SECRET = 6
_known_secrets: set[str] = set()


def keep_secret(*values: str) -> None:
    """Mask these wherever they occur from now on, as they are and as addresses write them."""
    for value in values:
        for form in (value, quote(value, safe=""), unquote(value)):
            if len(form) >= SHORTEST_SECRET:
                _known_secrets.add(form)


def keep_secrets_of_addresses(*addresses: str) -> None:
    """The passwords in them, malformed ones included: whatever is between the first : and an @."""
    for address in addresses:
        userinfo, at, _ = (address.partition("://")[2] or address).rpartition("@")
        if at:
            keep_secret(userinfo.partition(":")[2])


def is_named_secret(name: str) -> bool:
    return SECRET_NAME.search(name) is not None


def mask_text(text: str) -> str:
    for secret in sorted(_known_secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return NAMED_SECRET.sub(rf"\1{MASK}", URL_PASSWORD.sub(rf"\1:{MASK}@", text))


def mask_value(name: object, value: object) -> object:
    """For JSON: what has no type of its own there becomes text."""
    if is_named_secret(str(name)):
        return MASK
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): mask_value(key, item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [mask_value("", item) for item in value]
    text = value.isoformat() if isinstance(value, date) else str(value)
    return show_control_characters(mask_text(text), keep="\n\t")
