"""An upstream's base address from the settings, with its user and password apart.

FastF1, requests and requests-cache write addresses into messages, logs and the cache: none of them
gets to see a password. No message here holds a piece of the address: in a malformed one any piece
may be the password.
"""

import base64
import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import NoReturn
from urllib.parse import unquote_to_bytes, urlsplit

from ingestion.errors import IngestionError


@dataclass(frozen=True, slots=True)
class Address:
    """`url` ends without a slash; `authorization` is the header's value, '' where there is none."""

    url: str
    authorization: str = field(default="", repr=False)


def read_address(name: str, text: str) -> Address:
    """The address in the setting of that name. Raises `IngestionError`."""
    if re.search(r"[\s\x00-\x1f\x7f]", text):
        _refuse(name, "it holds a blank or a line's end")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        _refuse(name, "its host and port are not host:number")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        _refuse(name, "it is not of the form http(s)://host/path")
    if parts.query or parts.fragment or "@" in parts.path or "?" in text or "#" in text:
        _refuse(name, "something follows its path, or its password is not percent-encoded")
    userinfo, _, host = parts.netloc.rpartition("@")
    url = parts._replace(netloc=host).geturl().rstrip("/")
    if not userinfo:
        return Address(url)
    user, _, password = userinfo.partition(":")
    both = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    return Address(url, f"Basic {base64.b64encode(both).decode('ascii')}")


def origin(url: str) -> str:
    """What a browser takes for one site: scheme, host and port."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def is_loopback(url: str) -> bool:
    """Whether it is this machine's own, by its name or number: a name is not looked up."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refuse(name: str, reason: str) -> NoReturn:
    raise IngestionError(
        f"{name} cannot be used: {reason}. It should look like https://host/path, or "
        "https://user:password@host/path with special characters percent-encoded"
    ) from None
