"""What a person may do to who can be picked for a grand prix; no source undoes it.

Drivers are named by the key of their `Driver`. Each is an entry in the feed of every session of the
weekend that can still be picked on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.utils.translation import gettext as _

from ingestion.corrections.author import Author
from ingestion.corrections.entries import list_choosable_drivers
from ingestion.errors import WrongRequest
from ingestion.models import Change, Driver, Entrant, Event
from ingestion.names import fold_name
from ingestion.records import ResultRecord, Source
from ingestion.save import (
    ENTRANT_FACTS,
    SaveContext,
    build_changes,
    find_persons,
    find_unstorable,
    find_weekends,
    make_key,
    season_locked,
    write_entrants,
)


@dataclass(frozen=True, slots=True)
class NewDriver:
    """Whom a person enters. Of one whom the season knows, the key is enough; of a newcomer the
    name. None and '' are what is known of the driver, or the replaced driver's team."""

    key: str = ""
    name: str = ""
    number: int | None = None
    code: str = ""
    constructor_id: str = ""
    constructor_name: str = ""


@dataclass(slots=True)
class _Weekend:
    """A grand prix whose entrants are being corrected, `events` those that can be picked on."""

    event: Event
    events: list[Event]
    entrants: dict[str, Entrant]
    author: Author
    context: SaveContext

    def enter(self, driver: NewDriver) -> None:
        if not driver.key:
            driver = replace(driver, key=_find_key(driver.name))
        entry = _find_entry(self.event.season, driver, self.author.now)
        entrant = self.entrants.get(entry.driver_id)
        if entrant is not None and not entrant.is_withdrawn:
            raise WrongRequest(
                _("%(driver_name)s can be picked already") % {"driver_name": entrant.driver_name},
                about="driver",
            )
        if entrant is None:
            entrant = Entrant(
                season=self.event.season,
                grand_prix=self.event.grand_prix,
                driver_id=entry.driver_id,
                created_at=self.author.now,
            )
        given = {
            "driver_number": driver.number,
            "driver_code": driver.code,
            "constructor_id": driver.constructor_id,
            "constructor_name": driver.constructor_name,
        }
        for name in ENTRANT_FACTS:
            # Who is put back drives what the weekend's lists said, unless the person says another.
            known = getattr(entrant, name) or getattr(entry, name)
            setattr(entrant, name, given.get(name) or known)
        entrant.source = Source.PERSON.value
        self._decide(entrant, Change.Kind.ENTERED)

    def withdraw(self, key: str) -> Entrant:
        entrant = self.entrants.get(key)
        if entrant is None or entrant.is_withdrawn:
            raise WrongRequest(
                _("%(key)s is no entrant of the %(name)s") % {"key": key, "name": self.event.name},
                about="out",
            )
        self._decide(entrant, Change.Kind.WITHDRAWN)
        return entrant

    def _decide(self, entrant: Entrant, kind: Change.Kind) -> None:
        entrant.is_withdrawn, entrant.is_locked = kind == Change.Kind.WITHDRAWN, True
        entrant.person_name = self.author.person.get_username()[:254]
        entrant.reason = self.context.reason
        entrant.updated_at = self.author.now
        fault = find_unstorable(entrant)
        if fault:
            raise WrongRequest(_("the entrant cannot be saved: %(fault)s") % {"fault": fault})
        is_new = entrant.pk is None
        changes = build_changes(self.events, kind, [entrant], self.context)
        write_entrants([entrant] if is_new else [], [] if is_new else [entrant], changes)


def add_entrant(event: Event, driver: NewDriver, author: Author) -> None:
    """The driver can be picked, too; one who was withdrawn can be again."""
    with _corrected_weekend(event, author) as weekend:
        weekend.enter(driver)


def withdraw_entrant(event: Event, out: str, author: Author) -> None:
    """The driver does not start, and cannot be picked any more. Picks that were made are the
    game's to decide on."""
    with _corrected_weekend(event, author) as weekend:
        weekend.withdraw(out)


def replace_entrant(event: Event, out: str, driver: NewDriver, author: Author) -> None:
    """`driver` starts for `out`, in that team unless another is given."""
    with _corrected_weekend(event, author) as weekend:
        replaced = weekend.withdraw(out)
        if not (driver.constructor_id or driver.constructor_name):
            driver = replace(
                driver,
                constructor_id=replaced.constructor_id,
                constructor_name=replaced.constructor_name,
            )
        weekend.enter(driver)


@contextmanager
def _corrected_weekend(event: Event, author: Author) -> Iterator[_Weekend]:
    author.require_reason()
    context = author.context(Change.Cause.CORRECTION)
    with season_locked(event.season):
        author.require_seen(event)
        open_now = Event.objects.open_for_picks(author.now)
        events = list(open_now.filter(season=event.season, grand_prix=event.grand_prix))
        rows = Entrant.objects.filter(season=event.season, grand_prix=event.grand_prix)
        entrants = {entrant.driver_id: entrant for entrant in rows}
        # Once they are known they can be corrected, also where the weekend was put off since.
        is_known = bool(entrants) or event.grand_prix in find_weekends(event.season, context)
        if not (events and is_known):
            raise WrongRequest(
                _(
                    "the entrants of the %(name)s can be corrected from a week before its "
                    "first lock until its last"
                )
                % {"name": event.name}
            )
        yield _Weekend(event, events, entrants, author, context)


def _find_entry(season: int, driver: NewDriver, now: datetime) -> ResultRecord:
    """The driver as last classified in the season or the one before, with what the person says."""
    entry = list_choosable_drivers(season).get(driver.key)
    if entry is None:
        known = Driver.objects.filter(key=driver.key).select_related("merged_into").first()
        # Whom a person found to be another driver is that one.
        known = known and (known.merged_into or known)
        person = known or Driver(key=driver.key, name=driver.name.strip(), code=driver.code)
        if not person.name:
            raise WrongRequest(
                _("no driver is known as '%(key)s'; give the newcomer's name")
                % {"key": driver.key},
                about="driver",
            )
        if known is None and (fault := _find_fault(person)):
            raise WrongRequest(
                _("the driver cannot be saved: %(fault)s") % {"fault": fault}, about="driver"
            )
        entry = ResultRecord.of_driver(person.key, person.name, person.code)
        if known is None:
            [entry] = find_persons(season, [entry], now)
    return replace(
        entry,
        driver_number=entry.driver_number if driver.number is None else driver.number,
        driver_code=driver.code or entry.driver_code,
        constructor_id=driver.constructor_id or entry.constructor_id,
        constructor_name=driver.constructor_name or entry.constructor_name,
    )


def _find_key(name: str) -> str:
    """The key of the one driver with this name, else a new one."""
    words = fold_name(name)
    if not words:
        raise WrongRequest(_("choose a driver, or give a newcomer's name"), about="driver")
    same = [one.key for one in Driver.objects.persons() if fold_name(one.name) == words]
    if len(same) > 1:
        raise WrongRequest(
            _("%(name)s may be %(names)s; choose one") % {"name": name, "names": " or ".join(same)},
            about="name",
        )
    return same[0] if same else make_key(name)


def _find_fault(driver: Driver) -> str:
    try:
        validate_slug(driver.key)
    except ValidationError:
        return _("its key may have letters, digits, '-' and '_' alone")
    return find_unstorable(driver)
