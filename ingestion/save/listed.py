"""What the second source's calendar says of sessions that are still to come, where that is another
start or a cancellation: for a note and an alarm. It moves no start and no lock."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from ingestion.errors import BadSourceData
from ingestion.matching import gather_grands_prix, match_race
from ingestion.models import Event, SecondOpinion
from ingestion.records import ListedSession
from ingestion.report import Problem, SaveReport
from ingestion.save.rows import RowPlan, SaveContext, season_locked, write

# It rounds no start, but sessions of a postponed weekend drift by minutes.
SAME_START = timedelta(minutes=10)


def save_listed(listed: Sequence[ListedSession], context: SaveContext) -> SaveReport:
    """Written only where it says something new; the notes are about all that differs."""
    report = SaveReport()
    if not listed:
        return report
    season = listed[0].race.season
    with season_locked(season):
        events = list(Event.objects.filter(season=season).select_related("second_opinion"))
        # A start that has passed is nothing to warn of any more.
        ahead = [event for event in events if event.starts_at and event.starts_at > context.now]
        found = _match(listed, events) if ahead else {}
        plan = RowPlan()
        for event in ahead:
            session = found.get((event.grand_prix, event.session_type))
            opinion: SecondOpinion | None = getattr(event, "second_opinion", None)
            if session is None and opinion is None:
                continue
            # It has no other start of what it does not list on that day any more.
            differs = (None, False) if session is None else _find_difference(session, event)
            if session is not None and differs != (None, False):
                says = "cancelled" if differs[1] else f"at {session.starts_at:%Y-%m-%d %H:%M} UTC"
                message = f"{session.source.label} has it {says}; the calendars' start counts"
                report.notes.append(Problem(message, season, event.grand_prix, event.session_type))
            opinion = opinion or SecondOpinion(event=event, source=listed[0].source.value)
            if (opinion.starts_at, opinion.is_cancelled) != differs:
                opinion.starts_at, opinion.is_cancelled = differs
                plan.opinions.append(opinion)
        if plan.opinions:
            write(plan, (), context, stored=None)
    return report


def _find_difference(session: ListedSession, event: Event) -> tuple[datetime | None, bool]:
    """Its start, and whether it is cancelled there, where that is another than ours. Of what our
    calendars have cancelled it has nothing to say, nor of what they learnt since: its lists are
    updated at midnight (UTC)."""
    known_at, made_at = event.schedule_generated_at, session.generated_at
    is_behind = known_at and made_at and made_at.date() <= known_at.date()
    if event.is_cancelled or event.starts_at is None or is_behind:
        return None, False
    is_same = abs(session.starts_at - event.starts_at) <= SAME_START
    return None if is_same else session.starts_at, session.is_cancelled


def _match(
    listed: Iterable[ListedSession], events: Sequence[Event]
) -> dict[tuple[str, str], ListedSession]:
    """The listed sessions by event; of a meeting that was cancelled and came back the one that is
    held."""
    grands_prix = gather_grands_prix([event.as_stored() for event in events])
    found: dict[tuple[str, str], ListedSession] = {}
    for session in sorted(listed, key=lambda one: not one.is_cancelled):
        try:
            slug = match_race(session.race, grands_prix).slug
        except BadSourceData:
            # It is another race, or on another day than ours.
            continue
        found[slug, session.session_type.value] = session
    return found
