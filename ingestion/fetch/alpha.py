"""Jolpica's newer form, called alpha: the only one with sprint qualifyings.

FastF1 does not read it. Its own request session asks for it all the same, so that FastF1's limits
(of any address of jolpi.ca), its cache and our door hold as for everything else.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from ingestion.fetch.answers import Answer, Upstream
from ingestion.fetch.asking import asking, cached_copy
from ingestion.fetch.headers import age_of

# Where the server has its two forms, one beside the other.
ERGAST_PATH = "/ergast/f1"
ALPHA_PATH = "/f1/alpha"

ROUNDS_KEPT = timedelta(days=14)


def has_newer_form() -> bool:
    """Whether the address in use tells where the newer form is; another mirror's does not."""
    from fastf1.ergast import interface

    return bool(interface.BASE_URL.endswith(ERGAST_PATH))


def fetch_rounds(upstream: Upstream, season: int, *, fresh: bool) -> Answer:
    """The season's rounds with the keys under which their results are found.

    The keys are steady: unless it has to be `fresh`, a copy of a fortnight will do, where the
    upstream itself would be asked again every hour.
    """
    # The only filter that this takes; the server refuses parameters that it does not know.
    url = f"{_base_address()}/core/rounds/?year={season}"
    what = f"Jolpica's newer list of the rounds of {season}"
    return _ask(upstream, what, url, fresh=fresh, kept_for=ROUNDS_KEPT)


def fetch_sprint_qualifying(upstream: Upstream, key: str, name: str, *, fresh: bool) -> Answer:
    """One round's sprint qualifying; `name` is the grand prix's, for people.

    Before there are results the server answers 404 or, where the session stands in its calendar,
    500 (jolpica-f1 of 2026): both are raised as `SourceUnavailable`.
    """
    url = f"{_base_address()}/results/{key}/SQ/"
    return _ask(upstream, f"Jolpica's sprint qualifying of the {name}", url, fresh=fresh)


def _base_address() -> str:
    from fastf1.ergast import interface

    return f"{interface.BASE_URL.removesuffix(ERGAST_PATH)}{ALPHA_PATH}"


def _ask(
    upstream: Upstream, what: str, url: str, *, fresh: bool, kept_for: timedelta = timedelta(0)
) -> Answer:
    with asking(upstream.door, what, url, fresh=fresh) as reply:
        kept = _kept(url, since=upstream.door.now() - kept_for) if kept_for and not fresh else None
        if kept is not None:
            return kept
        return Answer(
            _get_document(url),
            reply.generated_at,
            () if fresh else (url,),
            expires_at=reply.expires_at,
        )


def _kept(url: str, *, since: datetime) -> Answer | None:
    """A copy in FastF1's cache that is young enough, expired or not."""
    copy = cached_copy(url)
    made_at = None if copy is None else age_of(copy.headers)
    if copy is None or made_at is None or made_at < since:
        return None
    return Answer(json.loads(copy.content.decode("utf-8")), made_at, (url,))


def _get_document(url: str) -> Any:
    from fastf1.ergast import interface
    from fastf1.req import Cache

    response = Cache.requests_get(url, headers=interface.HEADERS, timeout=interface.TIMEOUT)
    if response.status_code != 200:
        # `asking` tells by the exchange what it was.
        raise ValueError(f"answered {response.status_code}")
    return json.loads(response.content.decode("utf-8"))
