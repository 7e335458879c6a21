"""Which event a person means by a few words, such as `2024 belgium race`."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from django.db.models import Q

from ingestion.errors import WrongRequest
from ingestion.models import Driver, Event
from ingestion.names import fold
from ingestion.sessions import SessionType

# Other names of a session; any beginning of its own name that is clear (`q`) will do as well.
OTHER_NAMES = {name: kind for kind in SessionType for name in kind.kind.nicknames}

MOST_NAMED = 8


def find_event(season: str, words: Sequence[str]) -> Event:
    """The event by the season, a part of the grand prix's name, place or country, and the session.

    Raises `WrongRequest`, with what there is instead, where that is none or several.
    """
    if not (season.isascii() and season.isdigit() and len(season) == 4):
        instead = f", not '{season}'" if season else ", then a grand prix and a session"
        raise WrongRequest(f"the season comes first, as a year like 2024{instead}")
    place, session_type = _split_words(words)
    events = list(Event.objects.for_season(int(season)).select_related("proposal"))
    if not events:
        seasons = Event.objects.order_by("season").values_list("season", flat=True).distinct()
        known = f"which has {', '.join(map(str, seasons))}"
        empty = "which is empty: run 'python manage.py ingest_f1' first"
        raise WrongRequest(
            f"no event of {season} is in the database, {known if seasons else empty}"
        )
    weekend = _find_weekend(events, place)
    for event in weekend:
        if event.session_type == session_type:
            return event
    has = ", ".join(event.get_session_type_display() for event in weekend)
    raise WrongRequest(f"the {season} {weekend[0].name} has no {session_type.label}, it has {has}")


def find_driver(text: str, event: Event) -> Driver:
    """The driver by a key, a code or a part of the name, of those who have to do with the grand
    prix, else of all. Raises `WrongRequest` where none fits, or several."""
    of_weekend = Q(results__event__season=event.season, results__event__grand_prix=event.grand_prix)
    of_weekend |= Q(entrants__season=event.season, entrants__grand_prix=event.grand_prix)
    named = Driver.objects.persons().prefetch_related("keys", "merged")
    for drivers in (named.filter(of_weekend).distinct(), named):
        known = list(drivers)
        # What is exact comes first: a key may be the beginning of another driver's name.
        rules: list[Callable[[Driver], bool]] = [
            lambda driver: text in (driver.key, driver.code),
            # A source's key, or the key of a driver who was merged into this one.
            lambda driver: text in {one.key for one in (*driver.keys.all(), *driver.merged.all())},
            lambda driver: f"-{fold(text)}-" in f"-{fold(driver.name)}-",
            lambda driver: f"-{fold(text)}" in f"-{fold(driver.name)}",
        ]
        for fits in rules:
            found = [driver for driver in known if fold(text) and fits(driver)]
            if len(found) == 1:
                return found[0]
            if found:
                names = ", ".join(f"{driver.name} ({driver.key})" for driver in found[:MOST_NAMED])
                raise WrongRequest(f"'{text}' may be any of these, name his key: {names}")
    raise WrongRequest(f"no driver is called '{text}'; the drivers' list in the admin has them all")


def _split_words(words: Sequence[str]) -> tuple[str, SessionType]:
    """The session is the last word, or the last two of at least three ('sprint qualifying')."""
    for length in (2, 1):
        place, session = words[:-length], fold(" ".join(words[-length:])).replace("-", "_")
        if not place or not session:
            continue
        begun = [kind for kind in SessionType if kind.value.startswith(session)]
        if session in set(SessionType):
            return " ".join(place), SessionType(session)
        if len(begun) == 1:
            return " ".join(place), begun[0]
        if session in OTHER_NAMES:
            return " ".join(place), OTHER_NAMES[session]
    instead = f", not '{' '.join(words)}'" if words else ""
    raise WrongRequest(
        f"a grand prix and a session are needed, such as 'belgium race'{instead}; "
        f"the sessions are {', '.join(SessionType)}"
    )


def _find_weekend(events: Sequence[Event], place: str) -> list[Event]:
    """The events of the one grand prix that the words fit best."""
    weekends: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        weekends[event.grand_prix].append(event)
    firsts = [weekend[0] for weekend in weekends.values()]
    # Whole words before the beginnings of words, so that 'spa' is not in Spain, and the name before
    # the country, in which others may be held too.
    rules: list[Callable[[Event], bool]] = [
        lambda event: f"-{fold(place)}-" in f"-{fold(event.name)}-",
        lambda event: f"-{fold(place)}-" in f"-{fold(event.location)}-",
        lambda event: f"-{fold(place)}-" in f"-{fold(event.country)}-",
        lambda event: any(
            f"-{fold(place)}" in f"-{fold(text)}"
            for text in (event.name, event.location, event.country)
        ),
    ]
    found: list[Event] = []
    for fits in rules:
        found = found or [event for event in firsts if fold(place) and fits(event)]
    if len(found) == 1:
        return weekends[found[0].grand_prix]
    if found:
        names = ", ".join(f"{event.name} ({event.location})" for event in found)
        raise WrongRequest(f"'{place}' may be any of these, say more of its name: {names}")
    names = ", ".join(event.name.removesuffix(" Grand Prix") for event in firsts)
    raise WrongRequest(f"no grand prix of the season is called '{place}' or held there: {names}")
