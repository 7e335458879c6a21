"""How somebody is told: by e-mail, by a webhook, and by the silence of a heartbeat.

The addresses are secrets, those of webhooks above all: whoever knows one can post there. Nothing
here logs or returns one, nor what an exception or a server says, which may quote it.
"""

import json
import logging
import queue
import smtplib
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from ingestion.monitoring.alarms.messages import SENDER, Message

logger = logging.getLogger(__name__)

WHOLE_REQUEST = 10.0
# Of Discord's, which refuses more.
LONGEST_CONTENT = 2000
# A mail server may think for a while before it greets.
WHOLE_MAIL = 30.0


@dataclass(frozen=True, slots=True)
class Channels:
    """Who is told, and by what; nobody where both are empty."""

    emails: Sequence[str] = ()
    webhook: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.emails or self.webhook)


def configured_channels() -> Channels:
    return Channels(
        emails=tuple(getattr(settings, "F1_ALARM_EMAILS", ())),
        webhook=getattr(settings, "F1_ALARM_WEBHOOK", ""),
    )


@dataclass(slots=True)
class Courier:
    """Delivers messages one after another. A channel that failed is left alone for the rest of
    its life, so that many messages do not wait for one dead server many times."""

    channels: Channels
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def has_a_way(self) -> bool:
        return len(self.failures) < bool(self.channels.emails) + bool(self.channels.webhook)

    def deliver(self, message: Message) -> bool:
        """Whether it reached somebody by any channel: by another it is not repeated then."""
        sends: dict[str, Callable[[], str]] = {}
        if self.channels.emails:
            sends["e-mail"] = lambda: send_mail(message, self.channels.emails)
        if self.channels.webhook:
            sends["webhook"] = lambda: post(self.channels.webhook, message)
        delivered = [self._send(name, send) for name, send in sends.items()]
        return any(delivered)

    def _send(self, channel: str, send: Callable[[], str]) -> bool:
        if channel in self.failures:
            return False
        reason = send()
        if reason:
            self.failures[channel] = reason
            logger.warning(
                "an alarm could not be delivered",
                extra={"channel": channel, "reason": reason},
            )
        return not reason


def send_mail(message: Message, recipients: Sequence[str]) -> str:
    """Why it failed, '' where it did not. By Django's back end, whichever the project has."""
    try:
        connection: Any = get_connection()
        # Django's own waits for ever where EMAIL_TIMEOUT is not set.
        if getattr(connection, "timeout", WHOLE_MAIL) is None:
            connection.timeout = WHOLE_MAIL
        EmailMessage(
            message.subject, message.text, to=list(recipients), connection=connection
        ).send()
    except smtplib.SMTPAuthenticationError:
        return "the mail server does not accept the user or the password"
    except smtplib.SMTPRecipientsRefused:
        return "the mail server refuses the recipients"
    except (smtplib.SMTPException, OSError) as error:
        return f"the mail server cannot be used ({type(error).__name__})"
    except Exception as error:  # noqa: BLE001 - of whatever back end; an alarm must not stop a task
        return f"the e-mail cannot be sent ({type(error).__name__})"
    return ""


def post(url: str, message: Message) -> str:
    """Why it failed, '' where it did not. `text` is what Slack and Mattermost show, `content` what
    Discord shows; all of them pass over the other fields."""
    told = f"{message.subject}\n{message.text}"
    body = {
        "text": told,
        "content": told[:LONGEST_CONTENT],
        "subject": message.subject,
        **message.fields,
    }
    return request(url, method="POST", body=body)


def beat(url: str, *, timeout: float = WHOLE_REQUEST) -> bool:
    """Call a dead man's switch, which alarms when the calls stay out. Whether it answered."""
    reason = request(url, method="GET", timeout=timeout)
    if reason:
        logger.warning("the heartbeat could not be sent", extra={"reason": reason})
    return not reason


def request(
    url: str, *, method: str, body: dict[str, Any] | None = None, timeout: float = WHOLE_REQUEST
) -> str:
    """Send one request and wait for its answer's status; why it failed, '' where it did not."""
    if not _is_web_address(url):
        return "its address is not one of http:// or https://"
    outcome: queue.SimpleQueue[str] = queue.SimpleQueue()
    # A socket's time limit counts from byte to byte, and names are looked up without any.
    threading.Thread(
        target=lambda: outcome.put(_request(url, method, body, timeout)),
        daemon=True,
        name="alarm-request",
    ).start()
    try:
        return outcome.get(timeout=timeout)
    except queue.Empty:
        return f"no answer within {timeout:g} s"


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An alarm is for the address that was given, and a redirected POST would become a GET."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _request(url: str, method: str, body: dict[str, Any] | None, timeout: float) -> str:
    try:
        made = urllib.request.Request(  # noqa: S310 - the scheme was looked at
            url,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Content-Type": "application/json", "User-Agent": SENDER},
        )
        with urllib.request.build_opener(_NoRedirect).open(made, timeout=timeout):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return f"the server answered {error.code}"
    except TimeoutError:
        return f"no answer within {timeout:g} s"
    except Exception as error:  # noqa: BLE001 - whatever it is, its text may quote the address
        cause = getattr(error, "reason", error)
        return f"the server cannot be reached ({type(cause).__name__})"
