"""Jolpica's Ergast form: calendars since 1950, and results of all kinds but sprint qualifyings."""

from ingestion import fetch, records, transform
from ingestion.errors import BadSourceData, SourceUnavailable
from ingestion.records import (
    CalendarRecord,
    ClassificationRecord,
    RaceIdentity,
    UnreadableClassification,
)
from ingestion.sessions import SessionType
from ingestion.sources.protocol import (
    Classification,
    ClassificationQuery,
    Source,
    SourceAnswer,
)


class Jolpica(Source):
    name = records.Source.JOLPICA
    label = "Jolpica"

    def __init__(self, upstream: fetch.Upstream) -> None:
        self._upstream = upstream
        # As this run has seen them: they say which round a race is here.
        self._calendars: dict[int, CalendarRecord] = {}

    def offers_calendar(self, season: int) -> bool:  # noqa: ARG002
        return True

    def offers(self, season: int, session_type: SessionType) -> bool:  # noqa: ARG002
        return session_type in fetch.ENDPOINTS

    def fetch_calendar(self, season: int, *, fresh: bool) -> SourceAnswer[CalendarRecord]:
        answer = fetch.fetch_calendar(self._upstream, season, fresh=fresh)
        try:
            calendar = transform.read_calendar(answer.content, season, answer.generated_at)
        except BadSourceData:
            fetch.forget(answer)
            raise
        if not calendar.grands_prix:
            raise BadSourceData(f"Jolpica has no calendar of {season}")
        self._calendars[season] = calendar
        return SourceAnswer((calendar,), answer.generated_at, answer.expires_at)

    def fetch_classifications(
        self, query: ClassificationQuery, *, fresh: bool
    ) -> SourceAnswer[Classification]:
        """Of a season all that there is; of one race under Jolpica's own round, which may be
        another than the last one known: an answer about another race is refused and named, and
        Jolpica's calendar says which round is the right one."""
        if query.is_race is None:
            return self._fetch(query, query.round_number, fresh=fresh)
        known = self._find_round(query)
        number = query.round_number if known is None else known
        answer: SourceAnswer[Classification] = SourceAnswer(())
        if number is not None:
            answer = self._fetch_race(query, number, fresh=fresh)
            if answer.records or known is not None or not answer.notices:
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
        notices = (*answer.notices, *right.notices)
        return SourceAnswer(right.records, right.generated_at, right.expires_at, notices)

    def _fetch_race(
        self, query: ClassificationQuery, round_number: int, *, fresh: bool
    ) -> SourceAnswer[Classification]:
        answer = self._fetch(query, round_number, fresh=fresh)
        is_race = query.is_race
        right = tuple(one for one in answer.records if is_race is None or is_race(one.race))
        notices = tuple(
            f"Jolpica's round {one.race.round_number} is the {one.race.name} of "
            f"{one.race.race_date}, not the {query.name}; it was refused"
            for one in answer.records
            if one not in right
        )
        return SourceAnswer(right, answer.generated_at, answer.expires_at, notices)

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
        season, session_type = query.season, query.session_type
        answer = fetch.fetch_results(
            self._upstream,
            season,
            session_type,
            round_number=round_number,
            pages_expected=query.pages_expected if round_number is None else 1,
            fresh=fresh,
        )
        try:
            found = transform.read_classifications(
                answer.content, season, session_type, answer.page_ages
            )
        except BadSourceData:
            fetch.forget(answer)
            raise
        whole = tuple(self._fetch_alone(one) if _is_mixed(one) else one for one in found)
        return SourceAnswer(whole, answer.generated_at, answer.expires_at)

    def _fetch_alone(self, mixed: Classification) -> Classification:
        """A race whose halves were made at different times may be of two revisions: requested
        again, in one piece."""
        race, session_type = mixed.race, mixed.session_type
        reason = "its halves are of different age"
        try:
            answer = fetch.fetch_results(
                self._upstream,
                race.season,
                session_type,
                round_number=race.round_number,
                fresh=True,
            )
            again = transform.read_classifications(
                answer.content, race.season, session_type, answer.page_ages
            )
        except (SourceUnavailable, BadSourceData) as error:
            return UnreadableClassification(race, session_type, f"{reason}; {error}")
        for one in again:
            if one.race == race and not _is_mixed(one):
                return one
        return UnreadableClassification(race, session_type, reason)


def _is_mixed(one: Classification) -> bool:
    return isinstance(one, ClassificationRecord) and one.is_mixed
