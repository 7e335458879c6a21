"""Two calendars of one season made one: the first decides, Jolpica's adds and contradicts."""

from collections.abc import Iterator
from dataclasses import replace

from ingestion.matching.identity import pair_grands_prix
from ingestion.records import (
    CalendarRecord,
    GrandPrixRecord,
    SessionRecord,
)

# A weekend's sessions, in days from the race day; in UTC a late one falls on the day after.
FIRST_DAY, LAST_DAY = -3, 1


def merge_calendars(first: CalendarRecord, jolpica: CalendarRecord | None = None) -> CalendarRecord:
    """Every grand prix and session of either; the first calendar decides where it has one.

    Jolpica's adds what the first does not know (without a round number, its own are others) and
    the starts that the first leaves open; a start that it gives otherwise is kept as disputed.
    """
    if jolpica is None:
        return first
    pairs, added = pair_grands_prix(first.grands_prix, jolpica.grands_prix)
    return replace(
        first,
        grands_prix=(
            *(
                one if other is None else replace(one, sessions=tuple(_merge_sessions(one, other)))
                for one, other in pairs
            ),
            *(replace(other, round_number=None) for other in added),
        ),
    )


def _merge_sessions(one: GrandPrixRecord, other: GrandPrixRecord) -> Iterator[SessionRecord]:
    theirs = {session.session_type: session for session in other.sessions}
    # The circuit's clock: Jolpica says only UTC.
    offsets = (session.utc_offset for session in one.sessions)
    offset = next((offset for offset in offsets if offset is not None), None)
    for session in one.sessions:
        of_jolpica = theirs.pop(session.session_type, None)
        if of_jolpica is None or of_jolpica.starts_at is None:
            yield session
        elif session.starts_at is None or (
            session.start_is_estimated and not of_jolpica.start_is_estimated
        ):
            is_usable = _is_in_weekend(of_jolpica, one)
            yield replace(of_jolpica, utc_offset=offset) if is_usable else session
        elif of_jolpica.start_is_estimated:
            yield session
        else:
            is_same = of_jolpica.starts_at == session.starts_at
            yield replace(
                session,
                disputed_starts_at=None if is_same else of_jolpica.starts_at,
                disputed_generated_at=of_jolpica.generated_at,
            )
    for of_jolpica in theirs.values():
        if _is_in_weekend(of_jolpica, one):
            yield replace(of_jolpica, utc_offset=offset)


def _is_in_weekend(session: SessionRecord, weekend: GrandPrixRecord) -> bool:
    """Where the first calendar has moved a weekend that Jolpica still has on its old date,
    Jolpica's starts are of no use."""
    if session.starts_at is None:
        return True
    days = (session.starts_at.date() - weekend.race_date).days
    return FIRST_DAY <= days <= LAST_DAY
