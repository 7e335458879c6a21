"""What to request of whom: pure, from what is stored, the calendars, the request and the clock."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ingestion.errors import WrongRequest
from ingestion.lifecycle import (
    SEASON_COOLS_DOWN,
    expected_end,
    is_over,
    is_provisional_news,
    results_from,
)
from ingestion.matching import StoredGrandPrix, as_known, find_listed, gather_grands_prix
from ingestion.models import OVERDUE_AFTER, Event
from ingestion.pipeline.request import IngestRequest, Mode
from ingestion.records import CalendarRecord, Source, is_better_provisional
from ingestion.sessions import SessionType
from ingestion.sources import Upstream, count_pages

# The parts of a season, in the order in which they are requested: its calendars, and each kind of
# session, the races first.
CALENDARS = "calendars"
PARTS: tuple[str, ...] = (CALENDARS, *reversed(SessionType))

# Cars in a classification; until 2009 more of them than could start.
USUAL_FIELD = 20
EARLIER_FIELD = 26
FIRST_OF_USUAL_FIELD = 2010


@dataclass(frozen=True, slots=True)
class Session:
    """A session of the season as a run sees it: when by the calendars, its results as stored.

    `round_number` is ours.
    """

    grand_prix: StoredGrandPrix
    session_type: SessionType
    round_number: int | None
    starts_at: datetime | None
    ends_at: datetime | None
    start_is_estimated: bool
    results_state: str = Event.ResultsState.PENDING.value
    results_source: str = ""

    @property
    def is_published(self) -> bool:
        return self.results_state in Event.PUBLISHED_STATES

    def results_from(self, *, is_second: bool = False) -> datetime | None:
        """The earliest (UTC) that a classification may exist, as `Event.results_from`."""
        return results_from(
            self.session_type,
            self.starts_at,
            self.ends_at,
            is_estimated=self.start_is_estimated,
            is_second=is_second,
        )

    def is_overdue(self, now: datetime) -> bool:
        return self.ends_at is None or self.ends_at + OVERDUE_AFTER <= now


@dataclass(frozen=True, slots=True)
class PlannedQuery:
    """One kind of session to request of one source: of each of these sessions alone or, where they
    are None, of the whole season at once, in so many `pages`."""

    source: Source
    session_type: SessionType
    sessions: tuple[Session, ...] | None
    pages: int = 1


def list_sessions(calendar: CalendarRecord | None, events: Sequence[Event]) -> list[Session]:
    """Which sessions the season has, by this run's calendar, else by what is stored. `events` are
    those that are not cancelled."""
    stored = gather_grands_prix([event.as_stored() for event in events])
    by_key = {(event.grand_prix, event.session_type): event for event in events}
    if calendar is None:
        by_slug = {grand_prix.slug: grand_prix for grand_prix in stored}
        return [
            Session(
                by_slug[event.grand_prix],
                SessionType(event.session_type),
                event.round_number,
                event.starts_at,
                event.ends_at,
                event.start_is_estimated,
                event.results_state,
                event.results_source,
            )
            for event in events
        ]
    sessions = []
    for listed in calendar.grands_prix:
        slug = next((one.slug for one in stored if find_listed(one, [listed]) is not None), "")
        for session in listed.sessions:
            ends_at = expected_end(
                session.session_type,
                session.starts_at,
                is_estimated=session.start_is_estimated,
                race_date=listed.race_date,
            )
            event = by_key.get((slug, session.session_type.value))
            sessions.append(
                Session(
                    as_known(listed),
                    session.session_type,
                    listed.round_number,
                    session.starts_at,
                    ends_at,
                    session.start_is_estimated,
                    event.results_state if event else Event.ResultsState.PENDING.value,
                    event.results_source if event else "",
                )
            )
    return sessions


def is_current(
    request: IngestRequest, season: int, sessions: Iterable[Session], now: datetime
) -> bool:
    """Whether news may come any hour, so that no answer from a cache will do."""
    if request.mode is Mode.POLL:
        return True
    ends = [session.ends_at for session in sessions if session.ends_at is not None]
    return max(ends) + SEASON_COOLS_DOWN > now if ends else season >= now.year


def find_missing(events: Sequence[Event], now: datetime) -> frozenset[str]:
    """The parts of a season that are worth requesting, by its events that are not cancelled.

    A kind of session until each that is over has its published classification; the calendars while
    nothing is stored, or while classifications are missing and nothing was learnt since the last
    session.
    """
    if not events:
        return frozenset(PARTS)
    missing: set[str] = {
        event.session_type
        for event in events
        if event.is_over(now) and not event.is_published and not event.results_locked
    }
    kinds = Counter(event.session_type for event in events)
    for kind in SessionType:
        # Those that no calendar lists exist where they have a classification. Jolpica may lack
        # some; a few may come from requests for single rounds.
        if kind.is_unlisted(events[0].season) and 2 * kinds[kind] < kinds[SessionType.RACE]:
            missing.add(kind)
    # A race that was cancelled meanwhile would be waited for in vain.
    ends = [event.ends_at for event in events if event.ends_at is not None]
    if missing and ends and max(event.updated_at for event in events) < max(ends):
        missing.add(CALENDARS)
    return frozenset(missing)


def plan_published(
    request: IngestRequest,
    season: int,
    sessions: Sequence[Session],
    now: datetime,
    *,
    needed: frozenset[str],
    rows: Mapping[str, int],
    published: Sequence[Upstream],
    round_slug: str | None = None,
) -> list[PlannedQuery]:
    """The queries to the sources that publish, in the order of the parts.

    `rows` are the stored results by kind of session; of the `published` sources the first that has
    a kind is requested. `round_slug` names the one grand prix that the request is limited to.
    """
    if request.sessions is not None:
        return _plan_requested(request, sessions, rows, published)
    over = [
        one
        for one in sessions
        if is_over(now, one.ends_at)
        and (request.round_number is None or one.grand_prix.slug == round_slug)
    ]
    held = {one.session_type for one in over}
    queries = []
    for kind in reversed(SessionType):
        listed = SessionType.RACE if kind.is_unlisted(season) else kind
        source = next((one for one in published if one.has_kind(kind)), None)
        if source is None or listed not in held or kind not in needed:
            continue
        if not source.has_whole_seasons():
            each = _plan_each(request, kind, sessions, now, round_slug)
            queries.append(PlannedQuery(source.name, kind, each))
        elif request.round_number is not None:
            race = next(one for one in over if one.session_type in (kind, SessionType.RACE))
            alone = next((one for one in over if one.session_type is kind), race)
            queries.append(PlannedQuery(source.name, kind, (alone,)))
        else:
            pages = expect_pages(season, kind, sessions, rows, now)
            queries.append(PlannedQuery(source.name, kind, None, pages))
    return [query for query in queries if query.sessions != ()]


def _plan_each(
    request: IngestRequest,
    kind: SessionType,
    sessions: Iterable[Session],
    now: datetime,
    round_slug: str | None,
) -> tuple[Session, ...]:
    """Each takes a request of its own: a settled one is requested again by its round or with a
    refresh alone, a published one not where only gaps are filled."""
    is_named = request.mode is Mode.REFRESH or request.round_number is not None
    return tuple(
        one
        for one in sessions
        if one.session_type is kind
        and round_slug in (None, one.grand_prix.slug)
        and is_over(now, one.results_from())
        and (is_named or one.results_state != Event.ResultsState.SETTLED)
        and not (request.mode is Mode.FILL and one.is_published)
    )


def _plan_requested(
    request: IngestRequest,
    sessions: Sequence[Session],
    rows: Mapping[str, int],
    published: Sequence[Upstream],
) -> list[PlannedQuery]:
    """What polling found due: each alone, or the whole season where that takes fewer requests."""
    by_key = {(one.grand_prix.slug, one.session_type): one for one in sessions}
    due: dict[tuple[Source, SessionType], list[Session]] = defaultdict(list)
    for requested in request.sessions or ():
        session = by_key.get((requested.grand_prix, requested.session_type))
        if session is not None and not requested.source.is_provisional:
            due[requested.source, requested.session_type].append(session)
    queries = []
    for kind in reversed(SessionType):
        for source in published:
            alone = due.get((source.name, kind))
            if alone is None:
                continue
            unsaved = sum(one.results_state == Event.ResultsState.PENDING for one in alone)
            pages = count_pages(rows.get(kind, 0) + USUAL_FIELD * unsaved)
            is_whole = source.has_whole_seasons() and pages < len(alone)
            queries.append(
                PlannedQuery(source.name, kind, None, pages)
                if is_whole
                else PlannedQuery(source.name, kind, tuple(alone))
            )
    return queries


def plan_provisional(
    request: IngestRequest, source: Source, sessions: Iterable[Session], now: datetime
) -> list[Session]:
    """The sessions to request of a provisional source: those that are over and have no better
    classification, and published ones that polling found due, of which OpenF1 is a witness. What a
    source has given is requested again by name or with a refresh alone: live timing's streams do
    not change any more, and are large."""
    named = None
    if request.sessions is not None:
        named = {
            (one.grand_prix, one.session_type) for one in request.sessions if one.source is source
        }
    is_repeated = named is not None or request.mode is Mode.REFRESH
    return [
        one
        for one in sessions
        if (named is None or (one.grand_prix.slug, one.session_type) in named)
        and is_over(now, one.results_from(is_second=True) if source.is_second else one.ends_at)
        and (
            awaits_provisional(one.results_state, one.results_source, source)
            or (is_repeated and one.results_state == Event.ResultsState.PROVISIONAL)
            # As a witness of what is published, when that is due.
            or (named is not None and source.is_second)
        )
        and (
            not one.session_type.kind.ergast_endpoint
            or (named is not None and source.is_second)
            or is_provisional_news(now, one.ends_at)
        )
    ]


def awaits_provisional(results_state: str, results_source: str, source: Source) -> bool:
    """Whether nothing is saved of a session, or what a worse provisional source had."""
    if results_state == Event.ResultsState.PROVISIONAL:
        return is_better_provisional(source, results_source)
    return results_state == Event.ResultsState.PENDING


def expect_pages(
    season: int,
    kind: SessionType,
    sessions: Iterable[Session],
    rows: Mapping[str, int],
    now: datetime,
) -> int:
    """How many pages a season's classifications of one kind take: those of the rows that are stored
    and, for sessions that are over and have none, of a usual field."""
    listed = SessionType.RACE if kind.is_unlisted(season) else kind
    over = [one for one in sessions if one.session_type is listed and is_over(now, one.ends_at)]
    stored = sum(one.results_state != Event.ResultsState.PENDING for one in over)
    if kind is not listed:
        stored = rows.get(kind, 0) // EARLIER_FIELD
    field = USUAL_FIELD if season >= FIRST_OF_USUAL_FIELD else EARLIER_FIELD
    return count_pages(rows.get(kind, 0) + field * max(0, len(over) - stored))


def find_round(
    number: int, season: int, calendar: CalendarRecord | None, events: Sequence[Event]
) -> str | None:
    """The slug of the grand prix that has this round in our first calendar, as it is now or, where
    it was not read, as it was; None where no round is known. Raises `WrongRequest` for a round that
    the season does not have."""
    is_of_file = any(event.schedule_source == Source.SCHEDULE_FILE for event in events)
    if calendar is not None and (calendar.source is Source.SCHEDULE_FILE or not is_of_file):
        slugs = {one.round_number: as_known(one).slug for one in calendar.grands_prix}
    else:
        slugs = {event.round_number: event.grand_prix for event in events}
    if number in slugs:
        return slugs[number]
    numbers = [one for one in slugs if one is not None]
    if numbers:
        raise WrongRequest(
            f"{season} has no round {number}, its rounds are {min(numbers)} to {max(numbers)}"
        )
    return None
