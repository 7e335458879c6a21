"""Which session a test means, and when and as which round it is held."""

from datetime import UTC, datetime, timedelta
from typing import TypedDict

from django.db.models import Q, QuerySet

from ingestion.models import Event
from ingestion.sessions import SessionType
from ingestion.testing.facts import GRAND_PRIX, RACE_START, ROUND, SEASON, SPRINT

A_WEEK = timedelta(weeks=1)


class SessionFacts(TypedDict, total=False):
    """Which session: by default the race of the 2024 Belgian Grand Prix.

    `season` is that of `starts_at` where only that is given; `grand_prix` is a name, or the slug
    of one that is there.
    """

    season: int
    grand_prix: str
    session_type: str
    starts_at: datetime


def find_session(session: SessionFacts) -> Event | None:
    events = Event.objects.filter(season=season_of(session), session_type=session_type_of(session))
    return events.filter(_called(session)).first()


def grand_prix_of(session: SessionFacts) -> str:
    """Its name, also where the slug of a known one was given."""
    race = _races(session).filter(_called(session)).first()
    return race.name if race is not None else session.get("grand_prix", GRAND_PRIX)


def session_type_of(session: SessionFacts) -> SessionType:
    return SessionType(session.get("session_type", SessionType.RACE))


def season_of(session: SessionFacts) -> int:
    if "season" in session:
        return session["season"]
    return race_start_of(session).year if "starts_at" in session else SEASON


def describe_session(session: SessionFacts) -> str:
    return f"{season_of(session)} {grand_prix_of(session)} {session_type_of(session)}"


def race_start_of(session: SessionFacts) -> datetime:
    """When its weekend's race starts: one that is there already stays, a new one follows the
    season's last."""
    if "starts_at" in session:
        return session["starts_at"].astimezone(UTC) + SPRINT[session_type_of(session)]
    races = _races(session).filter(starts_at__isnull=False).order_by("starts_at")
    known = races.filter(_called(session)).first()
    if known is not None and known.starts_at is not None:
        return known.starts_at
    last = races.last()
    if last is not None and last.starts_at is not None:
        return last.starts_at + A_WEEK
    return RACE_START.replace(year=season_of(session))


def round_number_of(session: SessionFacts) -> int:
    known = _races(session).filter(_called(session)).first()
    if known is not None and known.round_number is not None:
        return known.round_number
    rounds = _races(session).values_list("round_number", flat=True)
    return max(filter(None, rounds), default=ROUND - 1) + 1


def _races(session: SessionFacts) -> QuerySet[Event]:
    return Event.objects.filter(season=season_of(session), session_type=SessionType.RACE)


def _called(session: SessionFacts) -> Q:
    name = session.get("grand_prix", GRAND_PRIX)
    return Q(name=name) | Q(grand_prix=name)
