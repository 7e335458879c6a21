"""The archive of live timing, through FastF1: its index, and one session's streams.

Of FastF1's `Session.load` only what a classification needs: its streams are requested here, one by
one, so that a failure is an error and not a line in a log, and handed to it as a recording. It
requests nothing itself, neither Jolpica by round number nor its cache of parsed streams, which
knows no age.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ingestion.errors import BadSourceData, ResultsNotReady, SourceUnavailable
from ingestion.sessions import SessionType, print_fastf1_name
from ingestion.sources.calls import calling
from ingestion.sources.values import UNREADABLE

if TYPE_CHECKING:
    import pandas as pd

    from ingestion.sources.http import Adapter
    from ingestion.sources.live_timing.account import Account

# A line of a stream: the time since it began, and what changed.
Entry = Sequence[Any]

# The small ones first: what is not over, or another session, is known before the large one (5 MB)
# is requested. The names are FastF1's, by those of the recordings that it reads.
STREAMS = {
    "SessionInfo": "session_info",
    "SessionStatus": "session_status",
    "DriverList": "driver_list",
    "TrackStatus": "track_status",
    "TimingData": "timing_data",
}
# Which laps were deleted, without which FastF1 makes no classification of a qualifying.
STREAMS_OF_QUALIFYINGS = {**STREAMS, "RaceControlMessages": "race_control_messages"}

# Race control's last status of a session, and how it was stopped before: by the flag, which each
# part of a qualifying has, or for good.
ENDINGS = ("Finalised", "Ends")
FLAGS = ("Finished", "Aborted")


class AccountRefused(SourceUnavailable):
    """The Formula 1 account cannot sign in, or live timing does not take its token."""

    def __init__(self, reason: str, *, status: int | None = None) -> None:
        super().__init__(f"the Formula 1 account was refused: {reason}", status=status)
        self.advice = (
            "Check F1_USERNAME, F1_PASSWORD and the account's subscription (F1 TV Access or "
            "higher), or sign in once by hand: python -m fastf1 auth f1tv --authenticate"
        )


@dataclass(frozen=True, slots=True)
class Streams:
    """A session's streams, and what FastF1 makes of them.

    `results` is its frame of drivers in its order, `info` what the session says that it is, and
    `timing` the screen's changes up to the end of the session. `generated_at` is the age of the
    oldest stream.
    """

    results: "pd.DataFrame"
    laps: "pd.DataFrame"
    info: Mapping[str, Any]
    timing: Sequence[Entry]
    generated_at: datetime | None


def fetch_index(adapter: "Adapter", account: "Account", season: int) -> list[Any]:
    """The season's meetings and their sessions as sent. Raises `AccountRefused` where the account
    cannot sign in, and the usual errors of an upstream."""
    path = f"/static/{season}/"
    _sign_in(adapter, account, path)
    with _calling(adapter, f"live timing's index of {season}", path, "index") as (page, _):
        return list(page["Meetings"])


def fetch_streams(
    adapter: "Adapter", account: "Account", season: int, session_type: SessionType, path: str
) -> Streams:
    """One session's streams, from where the index has them, as FastF1 reads them.

    Raises `ResultsNotReady` while they are not all there or the session is not over.
    """
    what = f"live timing of {path.strip('/')}"
    _sign_in(adapter, account, path)
    streams = STREAMS if session_type.kind.is_race else STREAMS_OF_QUALIFYINGS
    recording: dict[str, list[Entry]] = {}
    ages: list[datetime | None] = []
    with adapter.block(len(streams)):
        for name, page in streams.items():
            with _calling(adapter, what, f"/static/{path}", page) as (entries, age):
                label = page.replace("_", " ")
                if not entries:
                    raise ResultsNotReady(f"{what}: {label} has no line yet")
                if not all(isinstance(content, dict) for _, content in entries):
                    raise BadSourceData(f"{what}: {label} is not what it should be")
                recording[name] = list(entries)
                ages.append(age)
            if name == "SessionStatus":
                statuses = [content.get("Status") for _, content in recording[name]]
                if not any(status in ENDINGS for status in statuses):
                    raise ResultsNotReady(f"{what}: the session is not over")
    recording["TimingData"] = _cut_at_end(what, recording)
    results, laps = _load(what, season, session_type, recording)
    return Streams(
        results,
        laps,
        info=recording["SessionInfo"][0][1],
        timing=recording["TimingData"],
        generated_at=None if None in ages else min(age for age in ages if age is not None),
    )


def _sign_in(adapter: "Adapter", account: "Account", path: str) -> None:
    """Before anything is reserved for the streams: its requests go to other hosts."""
    with calling(adapter, "the Formula 1 account's sign-in", path, fresh=True):
        account.sign_in()


@contextmanager
def _calling(
    adapter: "Adapter", what: str, path: str, page: str
) -> Iterator[tuple[Any, datetime | None]]:
    """One file of the archive as FastF1 decodes it, and its age. The archive has no file before a
    session's end, and answers 403 for more than one reason."""
    from fastf1 import _api

    url = f"{_api.base_url}{path}{_api.pages[page]}"
    try:
        with calling(adapter, what, url, fresh=True) as call:
            yield _api.fetch_page(path, page), call.read_generated_at()
    except AccountRefused:
        raise
    except SourceUnavailable as error:
        if error.status == 404:
            raise ResultsNotReady(f"{what}: it is not there yet (404)") from error
        if error.status != 403:
            raise
        refused = SourceUnavailable(
            f"{what}: refused (403); the file is not there, the account's subscription is not "
            "enough, or live timing does not serve this network (it does not serve most data "
            "centres)",
            status=403,
        )
        refused.advice = "Check the account's subscription, and try from another network"
        raise refused from error


def _cut_at_end(what: str, recording: Mapping[str, Sequence[Entry]]) -> list[Entry]:
    """The screen's changes while the session lasted: the next series may be on it afterwards.

    Raises `ResultsNotReady` for a screen that stops before the session did.
    """
    statuses = [(_moment(at), content.get("Status")) for at, content in recording["SessionStatus"]]
    end = min(at for at, status in statuses if status in ENDINGS)
    flags = [at for at, status in statuses if status in FLAGS and at < end]
    timing = [entry for entry in recording["TimingData"] if _moment(entry[0]) <= end]
    if not timing or _moment(timing[-1][0]) < max(flags, default=timedelta(0)):
        raise ResultsNotReady(f"{what}: the timing stops before the session ended")
    return timing


def _moment(text: str) -> timedelta:
    from fastf1.internals.parsing_helpers import to_timedelta

    moment: timedelta | None = to_timedelta(text)
    if moment is None:
        raise BadSourceData(f"live timing has a line without a time: {text!r}")
    return moment


def _load(
    what: str, season: int, session_type: SessionType, recording: Mapping[str, list[Entry]]
) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """FastF1's order of the drivers, and their laps."""
    import pandas as pd
    from fastf1.core import Session
    from fastf1.events import Event
    from fastf1.exceptions import DataNotLoadedError, NoLapDataError
    from fastf1.req import Cache

    # A session of FastF1 by itself: one that it looks up by name may be another's. Of its date only
    # the year counts, since nothing is requested by it.
    name = print_fastf1_name(season, session_type)
    day = pd.Timestamp(season, 1, 1)
    named = {"EventName": "", "EventDate": day, "EventFormat": "", "RoundNumber": 0}
    first = {"Session1": name, "Session1Date": day, "Session1DateUtc": day}
    others = {f"Session{number}": None for number in range(2, 6)}
    session = Session(Event({**named, **first, **others}, year=season), name, f1_api_support=True)
    # It would merge Jolpica's rows by the round number, which is another race's at times.
    session._ergast = _NothingAtJolpica()
    # FastF1 warns of everything that was left out on purpose, twenty times each.
    logger = logging.getLogger("fastf1")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with Cache.disabled():
            session.load(
                telemetry=False,
                weather=False,
                messages=not session_type.kind.is_race,
                livedata=_Recording(recording),
            )
            return session.results, session.laps
    except (DataNotLoadedError, NoLapDataError, *UNREADABLE) as error:
        raise ResultsNotReady(f"{what}: FastF1 finds no laps in it") from error
    finally:
        logger.setLevel(level)


class _Recording:
    """FastF1's `LiveTimingData`, as far as `Session.load` uses it. Has everything, so that nothing
    is requested; what was not fetched is empty."""

    def __init__(self, streams: Mapping[str, list[Entry]]) -> None:
        self._streams = streams

    def has(self, _name: str) -> bool:
        return True

    def get(self, name: str) -> list[Entry]:
        return self._streams.get(name, [])


class _NothingAtJolpica:
    """FastF1's `Ergast`, as far as `Session.load` uses it."""

    def __getattr__(self, _name: str) -> Any:
        import pandas as pd

        return lambda *_, **__: SimpleNamespace(content=[], description=pd.DataFrame())
