"""EMAIL_URL as Django's settings. No message here holds a piece of the address, see database.py."""

import re
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

# How each is encrypted, and its usual port. STARTTLS is `tls` as in Django's settings.
SCHEMES = {
    "smtp": ("", 25),
    "smtp+tls": ("tls", 587),
    "smtp+ssl": ("ssl", 465),
    "smtps": ("ssl", 465),
}
HOST_AND_PORT = re.compile(r"(?P<host>\[[^\[\]]+\]|[^:\[\]@/]+)(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class MailServer:
    """This machine's own, unless said otherwise: Django's default."""

    host: str = "localhost"
    port: int = 25
    user: str = ""
    password: str = field(default="", repr=False)
    encryption: str = ""


def parse_email_url(url: str) -> MailServer:
    """Empty means the default. Raises ImproperlyConfigured."""
    if not url.strip():
        return MailServer()
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        _refuse("its host cannot be read")
    if parts.scheme not in SCHEMES:
        _refuse("it begins with none of smtp://, smtp+tls://, smtp+ssl:// and smtps://")
    if parts.path.strip("/") or parts.query or parts.fragment:
        _refuse("a character of its password is not percent-encoded, or something follows the port")
    encryption, usual_port = SCHEMES[parts.scheme]
    userinfo, _, address = parts.netloc.rpartition("@")
    user, _, password = userinfo.partition(":")
    host, port = _read_address(address, usual_port)
    return MailServer(host, port, _decode(user), _decode(password), encryption)


def _refuse(reason: str) -> NoReturn:
    raise ImproperlyConfigured(
        f"EMAIL_URL cannot be used: {reason}. It should look like "
        "smtp+tls://user:password@host:587, with special characters percent-encoded."
    ) from None


def _read_address(text: str, usual_port: int) -> tuple[str, int]:
    match = HOST_AND_PORT.fullmatch(text)
    if match is None:
        _refuse("its host and port are not host:number")
    port = int(match["port"] or usual_port)
    if not 0 < port < 65536:
        _refuse("its port is not one")
    return match["host"].strip("[]"), port


def _decode(text: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        _refuse("its percent-encoding is not UTF-8")
    # smtplib and mail servers end a line there.
    if re.search(r"[\0\r\n]", decoded):
        _refuse("it holds a line's end or a NUL")
    return decoded
