"""Around each call of FastF1: its cache used or passed by, and its failures in our errors."""

import json
import socket
import sqlite3
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ingestion.errors import (
    BadSourceData,
    IngestionError,
    ResultsNotReady,
    SourceRateLimited,
    SourceUnavailable,
)
from ingestion.sources.cache import find_copy, forget_copies, make_cache_error
from ingestion.sources.headers import (
    bound_age_of_copy,
    bound_expires_at,
    bound_generated_at,
    read_expires_at,
    read_generated_at,
    read_retry_at,
)
from ingestion.sources.values import UNREADABLE, notice, read_text

if TYPE_CHECKING:
    from ingestion.sources.http import Adapter, Exchange


@dataclass(frozen=True, slots=True)
class Call:
    """What the headers of a call's response say, once there is one. A copy from FastF1's cache is
    as old as its stored headers say, never as young as now."""

    adapter: "Adapter"
    what: str
    url: str
    fresh: bool

    def read_generated_at(self) -> datetime | None:
        """When the upstream made it (UTC). Where its headers cannot be right the run has a problem:
        its clock or ours is wrong, and ages decide which answer counts."""
        headers, received_at = self._read_headers()
        generated_at = read_generated_at(headers)
        if received_at is None:
            return generated_at
        # A copy may be of any age.
        bound = bound_generated_at if self.adapter.last is not None else bound_age_of_copy
        generated_at, fault = bound(generated_at, received_at)
        if fault:
            self.adapter.wrong_times.append(f"{self.what}: {fault}")
        return generated_at

    def read_expires_at(self) -> datetime | None:
        """Until when the upstream answers the same (UTC); a notice where its headers cannot be
        right."""
        headers, received_at = self._read_headers()
        expires_at = read_expires_at(headers)
        if received_at is None:
            return expires_at
        expires_at, fault = bound_expires_at(expires_at, received_at)
        if fault:
            notice(f"{self.what}: {fault}")
        return expires_at

    def read_document(self) -> Any:
        """What FastF1 has read, as it was sent; None where that is not known any more."""
        if self.adapter.last is not None:
            return json.loads(self.adapter.last.body)
        copy = None if self.fresh else find_copy(self.url)
        return None if copy is None else json.loads(copy.content)

    def _read_headers(self) -> tuple[Mapping[str, str], datetime | None]:
        """The headers, and when the response arrived."""
        if self.adapter.last is not None:
            return self.adapter.last.headers, self.adapter.last.received_at
        copy = None if self.fresh else find_copy(self.url)
        if copy is None:
            return {}, None
        return copy.headers, copy.created_at.replace(tzinfo=UTC)


@contextmanager
def calling(adapter: "Adapter", what: str, url: str, *, fresh: bool) -> Iterator[Call]:
    """Around one call of FastF1 for `what` at `url`, and the reading of what it returns: whatever
    goes wrong becomes one of our errors, with the time until which the upstream would say the
    same. A response that cannot be used does not stay in FastF1's cache."""
    from fastf1.req import Cache

    adapter.last = None
    call = Call(adapter, what, url, fresh)
    while adapter.notices:
        notice(adapter.notices.pop())
    try:
        with Cache.disabled() if fresh else nullcontext():
            yield call
    except Exception as error:
        raised = _translate(what, adapter.last, error)
        if isinstance(raised, BadSourceData | ResultsNotReady):
            if raised.expires_at is None:
                raised.expires_at = call.read_expires_at()
            if not fresh:
                forget_copies([url])
        if raised is error:
            raise
        # The driver's own error says why a database refused the budget: it stays the cause.
        raise raised from raised.__cause__ or error


def get_document(url: str) -> Any:
    """The JSON at an address that FastF1 does not read as we need it, through its session. Within
    `calling`, which sees in the exchange what a refusal was."""
    from fastf1.ergast import interface
    from fastf1.req import Cache

    response = Cache.requests_get(url, headers=interface.HEADERS, timeout=interface.TIMEOUT)
    if response.status_code != 200:
        raise ValueError(f"answered {response.status_code}")
    return json.loads(response.content.decode("utf-8"))


def find_document(url: str, *, since: datetime) -> tuple[Any, datetime | None]:
    """A copy in FastF1's cache that is young enough, expired or not, and when it was made; None
    where there is none."""
    copy = find_copy(url)
    if copy is None:
        return None, None
    kept_at = copy.created_at.replace(tzinfo=UTC)
    made_at, _ = bound_age_of_copy(read_generated_at(copy.headers), kept_at)
    if made_at is None or made_at < since:
        return None, None
    return json.loads(copy.content.decode("utf-8")), made_at


def _translate(what: str, exchange: "Exchange | None", error: Exception) -> Exception:
    """What to raise in place of what FastF1, requests or SQLite raised."""
    import requests
    import urllib3.exceptions
    from fastf1.exceptions import ErgastError, RateLimitExceededError

    if isinstance(error, IngestionError):
        return error
    if isinstance(error, RateLimitExceededError):
        return SourceRateLimited(f"{what}: FastF1's own limit is reached ({error})")
    if isinstance(error, sqlite3.Error):
        return make_cache_error(error)
    libraries = (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException)
    if isinstance(error, (*libraries, ErgastError, RecursionError, *UNREADABLE)):
        # FastF1 says little of what really happened, the exchange says all.
        cause = exchange.error if exchange is not None else None
        return _make_error(what, exchange, cause or error)
    return error


def _make_error(what: str, exchange: "Exchange | None", cause: Exception) -> Exception:
    import requests
    import urllib3.exceptions

    from ingestion.sources.http import TooManyGivenUpError

    if isinstance(cause, TooManyGivenUpError):
        return SourceUnavailable(f"{what}: not requested, {cause}")
    if isinstance(cause, requests.Timeout):
        return SourceUnavailable(f"{what}: no answer in time{_place(exchange)}")
    if isinstance(cause, requests.exceptions.ContentDecodingError):
        return BadSourceData(f"{what}: the answer cannot be decoded")
    if isinstance(cause, (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException)):
        place = _place(exchange, _find_reason(cause))
        return SourceUnavailable(f"{what}: the server cannot be reached or broke off{place}")
    if exchange is not None and cause is exchange.error:
        # An error of ours, the budget's refusal or its database's, only passed through FastF1.
        return cause
    return _make_error_of_response(what, exchange)


def _place(exchange: "Exchange | None", reason: str = "") -> str:
    """' (api.jolpi.ca: connection refused)': the host alone, since an address may have secrets."""
    host = urlsplit(exchange.url).hostname if exchange is not None else None
    known = ": ".join(filter(None, [host, reason]))
    return f" ({known})" if known else ""


def _find_reason(error: BaseException) -> str:
    """What the system said, under the layers of requests and urllib3; '' where it said nothing."""
    found: list[BaseException] = [error]
    for layer in found:
        if isinstance(layer, ssl.SSLCertVerificationError):
            return "its certificate is not accepted"
        if isinstance(layer, socket.gaierror):
            return "its name is not known"
        # Those of requests are OSErrors too, with a whole object in place of a number.
        if isinstance(layer, OSError) and isinstance(layer.errno, int) and layer.strerror:
            return layer.strerror.lower()
        inner = [*layer.args, layer.__cause__, layer.__context__, getattr(layer, "reason", None)]
        found += [one for one in inner if isinstance(one, BaseException) and one not in found]
    return ""


def _make_error_of_response(what: str, exchange: "Exchange | None") -> IngestionError:
    status = exchange.status if exchange is not None else None
    if exchange is not None and status == 429:
        return SourceRateLimited(
            f"{what}: the server asks for fewer requests (429)",
            status=429,
            retry_at=read_retry_at(exchange.headers, exchange.at),
        )
    if exchange is not None and status is not None and status >= 400:
        answer = f"the server answered {status} {read_text(exchange.reason)}".rstrip()
        return SourceUnavailable(f"{what}: {answer}", status=status)
    return BadSourceData(f"{what}: the answer is not what it should be and cannot be read")
