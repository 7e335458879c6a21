"""Where alarms go (F1_ALARM_URLS, delivered by the library Apprise), and the heartbeat.

The addresses are secrets: whoever knows one can post there. Nothing here logs or returns one, and
what the library or a server says is masked.
"""

import hashlib
import logging
import os
import queue
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings

from ingestion.models import Alarm

logger = logging.getLogger(__name__)

# The longest that one message on one channel may take, whatever its service and address say.
SECONDS_PER_MESSAGE = 20.0
# A channel that has taken so long is left alone until the next round.
SECONDS_PER_ROUND = 30.0
SECONDS_PER_HEARTBEAT = 10.0
# Requests to one address that were given up and may still hold a thread.
MOST_UNANSWERED = 4
# A title is a line of a header in an e-mail, where a line's end would begin another header.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# In an address; a shorter piece is no secret, and would mask half of a sentence.
PIECES = re.compile(r"[^/:@?&=#,+]{4,}")
LOOPBACK = ("localhost", "127.0.0.1", "127.0.0.0/8", "::1")

_at_work: list[threading.Thread] = []


@dataclass(frozen=True, slots=True)
class Message:
    title: str
    text: str
    # None where a problem is over.
    severity: Alarm.Severity | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """`name` shows the service and not the address: `discord-1f3a9c`."""

    name: str
    url: str = field(repr=False)


def read_channels() -> list[Channel]:
    """The channels of F1_ALARM_URLS, separated by spaces or commas; a setting may be a list."""
    configured = getattr(settings, "F1_ALARM_URLS", "")
    text = configured if isinstance(configured, str) else " ".join(configured)
    # A comma may be part of an address: ?to=anna@example.org,ben@example.org
    urls = [url for url in re.split(r"[\s,]+(?=[\w.+-]+://)|\s+", text.strip(" ,\n\t")) if url]
    channels = []
    for url in dict.fromkeys(urls):
        scheme = url.partition("://")[0].lower()
        service = scheme if re.fullmatch(r"[a-z][a-z0-9]{1,20}", scheme) else "unknown"
        channels.append(Channel(f"{service}-{hashlib.sha256(url.encode()).hexdigest()[:6]}", url))
    return channels


def find_unusable(channels: Sequence[Channel]) -> list[str]:
    """The names of those that Apprise cannot read."""
    return [channel.name for channel in channels if _open_channel(channel) is None]


@dataclass(slots=True)
class Delivery:
    """One round of messages over several channels; `failures` has the last reason by channel."""

    channels: Sequence[Channel]
    failures: dict[str, str] = field(default_factory=dict)
    _spent: dict[str, float] = field(default_factory=dict)

    def send(self, message: Message, *, names: Sequence[str] | None = None) -> list[str]:
        """Send to all channels, or to those named; returns those it did not reach. Each is tried: a
        channel that fails stops neither the others nor, unless it is slow, its next message."""
        missed = []
        for channel in self.channels:
            if names is not None and channel.name not in names:
                continue
            begun_at = monotonic()
            if self._spent.get(channel.name, 0.0) >= SECONDS_PER_ROUND / 2:
                reason = "it was slow or silent just before; it is tried again later"
            else:
                send = partial(send_message, channel, message)
                reason = run_bounded(channel.name, send, SECONDS_PER_MESSAGE)
            self._spent[channel.name] = self._spent.get(channel.name, 0.0) + monotonic() - begun_at
            if reason:
                missed.append(channel.name)
                self.failures[channel.name] = reason
                logger.warning(
                    "an alarm could not be delivered; it is tried again",
                    extra={"channel": channel.name, "reason": reason},
                )
        return missed


def send_message(channel: Channel, message: Message) -> str:
    """Why it failed, '' where it did not; nothing here limits how long it takes."""
    apprise = import_apprise()
    types = {
        Alarm.Severity.BROKEN: apprise.NotifyType.FAILURE,
        Alarm.Severity.SILENT: apprise.NotifyType.WARNING,
        Alarm.Severity.ATTENTION: apprise.NotifyType.INFO,
        None: apprise.NotifyType.SUCCESS,
    }
    service = _open_channel(channel)
    if service is None:
        return "its address is not one that Apprise knows"
    with capture_library_log() as lines:
        is_sent = service.notify(
            title=clean_line(message.title),
            body="\n".join(map(clean_line, message.text.split("\n"))),
            notify_type=types[message.severity],
            body_format=apprise.NotifyFormat.TEXT,
        )
    if is_sent:
        return ""
    return mask(lines[-1], channel.url) if lines else "the service did not accept it"


def _open_channel(channel: Channel) -> Any:
    """The channel as Apprise reads its address; None where it cannot. Too long a message is cut,
    unless the address says otherwise: several services refuse it."""
    apprise = import_apprise()
    with capture_library_log():
        opened = apprise.Apprise()
        if not opened.add(channel.url):
            return None
    if "overflow=" not in channel.url:
        for service in opened:
            service.overflow_mode = apprise.OverflowMode.TRUNCATE
    return opened


@cache
def import_apprise() -> Any:
    """When something is to be sent, which takes a third of a second; its plugins and what they
    import have warnings of their own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import apprise

        # Reads the plugins.
        apprise.Apprise().details()
    return apprise


@contextmanager
def capture_library_log() -> Iterator[list[str]]:
    """Apprise's own lines, which name addresses, are taken out of the log. What it says of a
    failure is kept here."""
    lines: list[str] = []

    def take(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            lines.append(record.getMessage())
        return False

    library = logging.getLogger("apprise")
    library.addFilter(take)
    try:
        yield lines
    finally:
        library.removeFilter(take)


def clean_line(text: str) -> str:
    return CONTROL_CHARACTERS.sub(" ", text).strip()


def mask(text: str, url: str) -> str:
    """The text without any piece of the address, which may be a token, a password or a person."""
    _, _, rest = url.partition("://")
    pieces = {found for piece in PIECES.findall(rest) for found in (piece, unquote(piece))}
    for piece in sorted(pieces, key=len, reverse=True):
        text = re.sub(re.escape(piece), "***", text, flags=re.IGNORECASE)
    return clean_line(text)


def send_heartbeat(url: str, *, timeout: float = SECONDS_PER_HEARTBEAT) -> bool:
    """Call a dead man's switch, which raises an alarm when no call comes. Whether it answered."""
    import requests

    def call() -> str:
        try:
            if urlsplit(url).scheme not in ("http", "https"):
                return "its address is not one of http:// or https://"
            # The status is all that counts: no body is read, and no redirect followed.
            response = requests.get(url, timeout=timeout, allow_redirects=False, stream=True)
            response.close()
        except (requests.RequestException, ValueError) as error:
            return f"the server cannot be reached ({type(error).__name__})"
        return "" if response.ok else f"the server answered {response.status_code}"

    reason = run_bounded("heartbeat", call, timeout)
    if reason:
        logger.warning("the heartbeat could not be sent", extra={"reason": reason})
    return not reason


def run_bounded(name: str, work: Callable[[], str], seconds: float) -> str:
    """Why `work` failed, '' where it did not. Services have time limits that count from byte to
    byte, and names are looked up without any: so it runs in a thread that is given up in the end,
    a few of each name, so that they do not pile up."""
    _at_work[:] = [thread for thread in _at_work if thread.is_alive()]
    if sum(thread.name == name for thread in _at_work) >= MOST_UNANSWERED:
        return "earlier messages still wait for an answer"
    outcome: queue.SimpleQueue[str] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put(work())
        except Exception as error:  # noqa: BLE001 - of any of a hundred services; an alarm must not stop a task
            outcome.put(f"it failed ({type(error).__name__})")

    # A daemon: one that is never answered does not keep the process from ending.
    thread = threading.Thread(target=run, daemon=True, name=name)
    _at_work.append(thread)
    thread.start()
    try:
        return outcome.get(timeout=seconds)
    except queue.Empty:
        return f"no answer within {seconds:g} s"


def exempt_loopback_from_proxies() -> None:
    """Keep every client that reads the environment from the proxy, which cannot reach this
    machine's own servers."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return
    exempt = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if exempt.strip() == "*":
        return
    names = [name.strip() for name in exempt.split(",") if name.strip()]
    value = ",".join(dict.fromkeys([*names, *LOOPBACK]))
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = value
