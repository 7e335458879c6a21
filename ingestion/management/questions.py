"""Which event a person means by a few words, such as `2024 belgium race`."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence

from ingestion.errors import WrongRequest
from ingestion.models import Event
from ingestion.sessions import SessionType

# What people call a session beside its name and any beginning of it that is clear (`q`).
OTHER_NAMES = {name: kind for kind in SessionType for name in kind.kind.nicknames}


def find_event(season: str, words: Sequence[str]) -> Event:
    """By the season, a part of the grand prix's name, place or country, and the session last.

    Raises `WrongRequest`, with what there is instead, where that is none or several.
    """
    year = _read_season(season)
    place, session_type = _read_words(words)
    events = list(Event.objects.for_season(year).select_related("proposal"))
    if not events:
        raise WrongRequest(f"no event of {year} is in the database, {_known_seasons()}")
    weekend = _only_grand_prix(events, place)
    for event in weekend:
        if event.session_type == session_type:
            return event
    has = ", ".join(event.get_session_type_display() for event in weekend)
    raise WrongRequest(f"the {year} {weekend[0].name} has no {session_type.label}, it has {has}")


def _read_season(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) == 4):
        told = f", not '{text}'" if text else ", then a grand prix and a session"
        raise WrongRequest(f"the season comes first, as a year like 2024{told}")
    return int(text)


def _read_words(words: Sequence[str]) -> tuple[str, SessionType]:
    """The session is the last word, or the last two of at least three ('sprint qualifying')."""
    for length in (2, 1):
        place, session = words[:-length], "_".join(words[-length:])
        session_type = _read_session(session)
        if place and session_type is not None:
            return " ".join(place), session_type
    told = f", not '{' '.join(words)}'" if words else ""
    raise WrongRequest(
        f"a grand prix and a session are needed, such as 'belgium race'{told}; "
        f"the sessions are {', '.join(SessionType)}"
    )


def _read_session(text: str) -> SessionType | None:
    name = "_".join(_fold(text).split())
    if name in set(SessionType):
        return SessionType(name)
    begun = [kind for kind in SessionType if name and kind.value.startswith(name)]
    return begun[0] if len(begun) == 1 else OTHER_NAMES.get(name)


def _known_seasons() -> str:
    seasons = Event.objects.order_by("season").values_list("season", flat=True).distinct()
    if not seasons:
        return "which is empty: run 'python manage.py ingest_f1' first"
    return f"which has {', '.join(map(str, seasons))}"


def _only_grand_prix(events: Iterable[Event], place: str) -> list[Event]:
    """The events of the one that the words mean best."""
    weekends: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        weekends[event.grand_prix].append(event)
    found = _best(list(weekends.values()), _fold(place))
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"{weekend[0].name} ({weekend[0].location})" for weekend in found)
        raise WrongRequest(f"'{place}' may be any of these, say more of its name: {names}")
    names = ", ".join(weekend[0].name.removesuffix(" Grand Prix") for weekend in weekends.values())
    raise WrongRequest(f"no grand prix of the season is called '{place}' or held there: {names}")


def _best(weekends: Sequence[list[Event]], wanted: str) -> list[list[Event]]:
    """By whole words before the beginnings of words, so that 'spa' is not in Spain, and by the
    name before the country, in which others may be held too."""
    for is_meant in (_is_in_name, _is_in_location, _is_in_country, _is_begun):
        found = [weekend for weekend in weekends if wanted and is_meant(weekend[0], wanted)]
        if found:
            return found
    return []


def _is_in_name(event: Event, wanted: str) -> bool:
    return _has_words(event.name, wanted)


def _is_in_location(event: Event, wanted: str) -> bool:
    return _has_words(event.location, wanted)


def _is_in_country(event: Event, wanted: str) -> bool:
    return _has_words(event.country, wanted)


def _is_begun(event: Event, wanted: str) -> bool:
    texts = (event.name, event.location, event.country)
    return any(f" {wanted}" in f" {_fold(text)}" for text in texts)


def _has_words(text: str, wanted: str) -> bool:
    return f" {wanted} " in f" {_fold(text)} "


def _fold(text: str) -> str:
    """Lower case, without accents, words apart by one space."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join("".join(char if char.isalnum() else " " for char in letters).split())
