"""Jolpica's Ergast form: calendars since 1950, and results of all kinds but sprint qualifyings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from ingestion.errors import BadSourceData, SourceUnavailable
from ingestion.records import (
    CalendarRecord,
    GrandPrixRecord,
    ListedDriver,
    RaceIdentity,
    SessionRecord,
    Source,
    UnreadableClassification,
)
from ingestion.sessions import SessionType
from ingestion.sources.cache import forget_copies
from ingestion.sources.calls import calling
from ingestion.sources.jolpica.classifications import read_classifications
from ingestion.sources.jolpica.drivers import fetch_list
from ingestion.sources.jolpica.pages import PAGE_ROWS, build_url, fetch_pages
from ingestion.sources.protocol import (
    Classification,
    ClassificationQuery,
    SourceAnswer,
    SourceConfig,
    Upstream,
)
from ingestion.sources.values import LONGEST_PLACE, UNREADABLE, noticing, read_text, require

if TYPE_CHECKING:
    from ingestion.sources.http import Adapter


# With this value of the setting another class takes the place of this one.
NEWER_FORM = "newer"


class Jolpica(Upstream):
    name = Source.JOLPICA

    def __init__(self, adapter: "Adapter", config: SourceConfig) -> None:
        super().__init__(adapter, config)
        # As this run has seen them: they say which round a race is here.
        self._calendars: dict[int, CalendarRecord] = {}

    @classmethod
    def is_configured(cls, config: SourceConfig) -> bool:
        return config.results_from != NEWER_FORM

    def offers_calendar(self, season: int) -> bool:
        return True

    @classmethod
    def has_kind(cls, session_type: SessionType) -> bool:
        return bool(session_type.kind.ergast_endpoint)

    @classmethod
    def has_whole_seasons(cls) -> bool:
        return True

    def offers(self, season: int, session_type: SessionType) -> bool:
        return self.has_kind(session_type)

    def fetch_calendar(self, season: int, *, fresh: bool) -> SourceAnswer[CalendarRecord]:
        """FastF1's frames would drop the times of sprint qualifyings, its raw list has them."""
        from fastf1.ergast import Ergast

        what = f"Jolpica's calendar of {season}"
        url = build_url(season, None, "races", offset=0)
        with noticing() as notices, calling(self._adapter, what, url, fresh=fresh) as call:
            ergast = Ergast(result_type="raw", auto_cast=False)
            races = ergast.get_race_schedule(season, limit=PAGE_ROWS)
            expect_all(what, races)
            calendar = read_calendar(races, season, call.read_generated_at())
            if not calendar.grands_prix:
                raise BadSourceData(f"Jolpica has no calendar of {season}")
            self._calendars[season] = calendar
            return SourceAnswer(
                (calendar,), calendar.generated_at, call.read_expires_at(), tuple(notices)
            )

    def fetch_drivers(
        self, season: int, round_number: int | None = None, *, grand_prix: str = ""
    ) -> SourceAnswer[ListedDriver]:
        return fetch_list(self._adapter, season, round_number, grand_prix)

    def fetch_classifications(
        self, query: ClassificationQuery, *, fresh: bool
    ) -> SourceAnswer[Classification]:
        """All that a season has; or one race's, requested by Jolpica's own round, which may be
        another than the last one known: an answer about another race is refused and named, and
        Jolpica's calendar says which round is the right one."""
        if query.is_race is None:
            return self._fetch(query, query.round_number, fresh=fresh)
        known = self._find_round(query)
        number = query.round_number if known is None else known
        answer: SourceAnswer[Classification] = SourceAnswer(())
        if number is not None:
            answer = self._fetch_race(query, number, fresh=fresh)
            is_known = known is not None or (query.is_own_round and not answer.notices)
            if answer.records or is_known:
                return answer
        if query.season not in self._calendars:
            self.fetch_calendar(query.season, fresh=True)
        own = self._find_round(query)
        if own is None:
            error = BadSourceData(f"Jolpica's calendar of {query.season} has no {query.name}")
            error.expires_at = answer.expires_at
            raise error
        if own == number:
            return answer
        right = self._fetch_race(query, own, fresh=fresh)
        return replace(right, notices=(*answer.notices, *right.notices))

    def _fetch_race(
        self, query: ClassificationQuery, round_number: int, *, fresh: bool
    ) -> SourceAnswer[Classification]:
        answer = self._fetch(query, round_number, fresh=fresh)
        is_race = query.is_race
        right = tuple(one for one in answer.records if is_race is None or is_race(one.race))
        refused = tuple(
            f"Jolpica's round {one.race.round_number} is the {one.race.name} of "
            f"{one.race.race_date}, not the {query.name}; it was refused"
            for one in answer.records
            if one not in right
        )
        # An answer without the race has no notice but the one that names what it has instead.
        kept = answer.notices if right else ()
        return replace(answer, records=right, notices=(*kept, *refused))

    def _find_round(self, query: ClassificationQuery) -> int | None:
        """None where no calendar is at hand, or it lacks the race."""
        calendar = self._calendars.get(query.season)
        if calendar is None or query.is_race is None:
            return None
        found = [
            listed
            for listed in calendar.grands_prix
            if listed.round_number is not None
            and query.is_race(
                RaceIdentity(
                    season=query.season,
                    round_number=listed.round_number,
                    name=listed.name,
                    race_date=listed.race_date,
                    country=listed.country,
                    location=listed.location,
                )
            )
        ]
        found.sort(key=lambda listed: listed.name != query.name)
        return found[0].round_number if found else None

    def _fetch(
        self, query: ClassificationQuery, round_number: int | None, *, fresh: bool
    ) -> SourceAnswer[Classification]:
        with noticing() as notices:
            pages = fetch_pages(
                self._adapter,
                query.season,
                query.session_type,
                round_number=round_number,
                pages_expected=query.pages_expected if round_number is None else 1,
                fresh=fresh,
            )
            try:
                found = read_classifications(pages.pages, query.season, query.session_type)
            except BadSourceData as error:
                error.expires_at = pages.expires_at
                if not fresh:
                    forget_copies(pages.urls)
                raise
            classifications = tuple(
                self._fetch_in_one_piece(one.race, query.session_type) if is_mixed else one
                for one, is_mixed in found
            )
        return SourceAnswer(classifications, pages.generated_at, pages.expires_at, tuple(notices))

    def _fetch_in_one_piece(self, race: RaceIdentity, session_type: SessionType) -> Classification:
        """A race whose halves were made at different times, requested again alone."""
        reason = "its halves are of different age"
        try:
            pages = fetch_pages(
                self._adapter,
                race.season,
                session_type,
                round_number=race.round_number,
                fresh=True,
            )
            again = read_classifications(pages.pages, race.season, session_type)
        except (SourceUnavailable, BadSourceData) as error:
            return UnreadableClassification(race, session_type, f"{reason}; {error}")
        for one, is_mixed in again:
            if one.race == race and not is_mixed:
                return one
        return UnreadableClassification(race, session_type, reason)


def expect_all(what: str, rows: Any) -> None:
    """That a raw answer of FastF1's is no page of more."""
    if rows.total_results != len(rows):
        raise BadSourceData(f"{what}: {len(rows)} rows were sent of {rows.total_results}")


def read_calendar(
    races: Sequence[Mapping[str, Any]], season: int, generated_at: datetime | None
) -> CalendarRecord:
    """Jolpica's calendar, uncast, as FastF1 returns it; `BadSourceData` where it is none.

    Sessions have times since 2022, days since 2006; before that only the race's day (and since
    2005 its time) is known, and no other session is listed.
    """
    grands_prix: list[GrandPrixRecord] = []
    try:
        for race in races:
            if int(race["season"]) != season:
                raise ValueError(f"it has a race of {read_text(race['season'])}")
            place = race["Circuit"]["Location"]
            sessions = [
                _read_session(session_type, race[key], generated_at)
                for session_type in reversed(SessionType)
                for key in session_type.kind.calendar_keys
                if key in race
            ]
            sessions.append(_read_session(SessionType.RACE, race, generated_at))
            grand_prix = GrandPrixRecord(
                season=season,
                round_number=int(race["round"]),
                name=require(read_text(race["raceName"]), "name of a race"),
                official_name="",
                country=read_text(place["country"], longest=LONGEST_PLACE),
                location=read_text(place["locality"], longest=LONGEST_PLACE),
                race_date=date.fromisoformat(race["date"]),
                sessions=tuple(sessions),
            )
            grands_prix.append(grand_prix)
    except UNREADABLE as error:
        raise BadSourceData(f"Jolpica's calendar of {season} cannot be read: {error}") from error
    return CalendarRecord(season, Source.JOLPICA, generated_at, tuple(grands_prix))


def _read_session(
    session_type: SessionType, session: Mapping[str, Any], generated_at: datetime | None
) -> SessionRecord:
    known = SessionRecord(session_type, None, Source.JOLPICA, generated_at)
    if not read_text(session.get("date")):
        return known
    day = date.fromisoformat(session["date"])
    clock = read_text(session.get("time"))
    if not clock:
        midnight = datetime.combine(day, time(), UTC)
        return replace(known, starts_at=midnight, start_is_estimated=True)
    starts_at = datetime.combine(day, time.fromisoformat(clock))
    if starts_at.tzinfo is None:
        starts_at = starts_at.replace(tzinfo=UTC)
    return replace(known, starts_at=starts_at.astimezone(UTC))
