"""The drivers of classifications: persons, under whatever keys the sources name them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ingestion.errors import BadSourceData
from ingestion.matching import (
    check_keys,
    check_names,
    check_person,
    check_persons,
    find_person,
    is_part,
)
from ingestion.models import NAMING, Driver, DriverKey, Entrant, read_own, read_persons
from ingestion.names import fold, fold_name
from ingestion.records import (
    ClassificationRecord,
    EntrantRecord,
    ListedDriver,
    ResultRecord,
    UnreadableClassification,
)

LATEST = ("name", "code", "born")
# The longest part of a key that leaves room for a number behind it.
LONGEST_STEM = 50


@dataclass(slots=True)
class SeasonDrivers:
    """The persons of a season's classifications.

    `persons` are ours by the source's key, `decided` the keys of which a person said whose they
    are, `cars` who is saved in which. What is new or changed is kept until a classification that
    needs it is accepted.
    """

    season: int
    persons: dict[str, Driver]
    decided: frozenset[str]
    cars: set[tuple[str, int | None]]
    now: datetime
    # Everybody, read where a key is new.
    _all: dict[str, Driver] | None = None
    _new_drivers: dict[str, Driver] = field(default_factory=dict)
    _new_keys: dict[str, DriverKey] = field(default_factory=dict)
    _changed: dict[str, Driver] = field(default_factory=dict)
    _accepted: set[str] = field(default_factory=set)
    # The source's keys: of what was identified last, and of what was accepted.
    _identified: set[str] = field(default_factory=set)
    _accepted_keys: set[str] = field(default_factory=set)

    def identify(self, record: ClassificationRecord) -> ClassificationRecord:
        """The record with our keys. Raises `BadSourceData` where it is in doubt who a driver is."""
        # What was new in a classification that was not accepted is forgotten: later ones are not
        # compared with a driver or a key of which nothing is saved.
        for key in self._new_keys.keys() - self._accepted_keys:
            driver = self._new_keys.pop(key).driver
            self.persons.pop(key)
            if driver.key in self._new_drivers and driver.key not in self._accepted:
                del self._new_drivers[driver.key]
                (self._all or {}).pop(driver.key, None)
        results = self.identify_entries(record.results, has_keys=not record.is_provisional)
        return replace(record, results=tuple(results))

    def identify_entries(
        self, entries: Sequence[ResultRecord], *, has_keys: bool = True
    ) -> list[ResultRecord]:
        """With our keys; raises as `identify` does. `has_keys` where the source itself names its
        drivers by keys: of another none is kept of a known driver."""
        # An entry without a driver is judged with the others that cannot be.
        named = [entry for entry in entries if entry.driver_id]
        check_keys(named)
        for entry in named:
            if entry.driver_id not in self.persons:
                self.persons[entry.driver_id] = self._find_or_add(entry, has_keys=has_keys)
            if entry.driver_id in self.decided:
                continue
            person = self.persons[entry.driver_id]
            try:
                check_person(entry, person)
            except BadSourceData:
                # What came under another's key before a merge has that one's name, and sources that
                # know drivers by our rows go by it.
                words = fold_name(entry.driver_name)
                if not any(fold_name(one.name) == words for one in person.merged.all()):
                    raise
        ours = {key: driver.key for key, driver in self.persons.items()}
        check_persons(named, ours)
        unsaid = [entry for entry in named if entry.driver_id not in self.decided]
        check_names(unsaid, {one.driver_id: self.persons[one.driver_id] for one in named})
        self._identified = {entry.driver_id for entry in named}
        return [replace(entry, driver_id=ours.get(entry.driver_id, "")) for entry in entries]

    def accept(self, record: ClassificationRecord) -> None:
        """Take over the drivers of an identified record, as they are named now."""
        self.accept_entries(record.results, is_provisional=record.is_provisional)

    def accept_entries(self, entries: Iterable[ResultRecord], *, is_provisional: bool) -> None:
        drivers = {driver.key: driver for driver in self.persons.values()}
        kept = {self.persons[key].key for key in self.decided}
        self._accepted_keys |= self._identified
        for entry in entries:
            self._accepted.add(entry.driver_id)
            self.cars.add((entry.driver_id, entry.driver_number))
            driver = drivers[entry.driver_id]
            # What a person calls a driver stays.
            if driver.key in kept:
                continue
            latest = (entry.driver_name, entry.driver_code, entry.driver_born)
            # What is missing now is no news, and what a guess says none either.
            news = {
                name: value
                for name, value in zip(LATEST, latest, strict=True)
                if value and value != getattr(driver, name) and not is_provisional
            }
            for name, value in news.items():
                setattr(driver, name, value)
            if news and driver.key not in self._new_drivers:
                self._changed[driver.key] = driver

    def write(self) -> list[str]:
        """Save the drivers of what was accepted; what there is to say of keys that changed."""
        drivers, changed = (
            [driver for key, driver in sorted(rows.items()) if key in self._accepted]
            for rows in (self._new_drivers, self._changed)
        )
        keys = [self._new_keys[key] for key in sorted(self._new_keys.keys() & self._accepted_keys)]
        # Two seasons that are saved at once may meet the same newcomer.
        Driver.objects.bulk_create(drivers, ignore_conflicts=True)
        DriverKey.objects.bulk_create(keys, ignore_conflicts=True)
        Driver.objects.bulk_update(changed, LATEST)
        return [
            f"{key.driver.name} has the key {key.key} now, and stays the same driver"
            for key in keys
            if key.driver_id not in self._new_drivers
        ]

    def _find_or_add(self, entry: ResultRecord, *, has_keys: bool) -> Driver:
        if self._all is None:
            # What was read before is as it was changed meanwhile.
            known = {driver.key: driver for driver in self.persons.values()}
            self._all = {**Driver.objects.in_bulk(), **known}
            if self._all:
                # Who can be picked before any classification names him.
                entered = Entrant.objects.filter(season=self.season)
                self.cars.update(entered.values_list("driver", "driver_number"))
        persons = (one for one in self._all.values() if one.merged_into_id is None)
        driver = find_person(entry, persons, self.cars)
        # A key with a hyphen is one that we made of a name (`make_key`): no source named the driver
        # by it, it was given back to us.
        is_ours = driver is not None and "-" in driver.key and driver.key == entry.driver_id
        if driver is not None and (is_ours or not has_keys):
            return driver
        if driver is None:
            driver = Driver(
                key=free_key(entry.driver_id, is_taken=self._all.__contains__),
                name=entry.driver_name,
                code=entry.driver_code,
                born=entry.driver_born,
                created_at=self.now,
            )
            self._new_drivers[driver.key] = self._all[driver.key] = driver
        key = DriverKey(source=NAMING, key=entry.driver_id, driver=driver)
        self._new_keys[entry.driver_id] = key
        return driver


def free_key(key: str, *, is_taken: Callable[[str], bool]) -> str:
    """The key, with a number behind it where another person is known by it."""
    free, number = key, 1
    while is_taken(free):
        number += 1
        free = f"{key[:LONGEST_STEM]}_{number}"
    return free


def make_key(name: str) -> str:
    """A key for a driver whom no source with keys has named yet; no driver and no source has it.

    It is made of the whole name, with hyphens: Jolpica's are mostly of the surname and have
    underscores, and 'verstappen' is Jos.
    """
    return free_key(
        fold(name)[:LONGEST_STEM] or "driver",
        is_taken=lambda key: (
            Driver.objects.filter(key=key).exists() or DriverKey.objects.filter(key=key).exists()
        ),
    )


def name_newcomers(
    season: int, listed: Sequence[EntrantRecord], now: datetime
) -> tuple[list[EntrantRecord], list[str]]:
    """Whom a source without keys lists and the season does not know, with our key: that under which
    they are known from other seasons, or a new one. And who it may be instead, where that is in
    doubt; they are left out."""
    named = [one for one in listed if one.driver_id]
    newcomers = [one for one in listed if not one.driver_id]
    if not newcomers:
        return named, []
    notes: list[str] = []
    persons = list(Driver.objects.persons())
    entered = set(Entrant.objects.filter(season=season).values_list("driver", "driver_number"))
    for one in newcomers:
        # A car's number and three letters identify a driver within a season alone.
        key = f"{one.driver_number}-{one.driver_code}"
        given = {"source": one.source.value, "season": season, "key": key}
        known = DriverKey.objects.filter(**given).select_related("driver").first()
        words = fold_name(one.driver_name)
        same = [known.driver] if known else [it for it in persons if fold_name(it.name) == words]
        # Whom a person entered under a part of the name, perhaps without a number.
        cars = (one.driver_number, None)
        same = same or [
            it
            for it in persons
            if any((it.key, number) in entered for number in cars)
            and is_part(fold_name(it.name), words)
        ]
        if len(same) > 1 or (not known and same and same[0].code not in ("", one.driver_code)):
            names = " or ".join(f"{it.name} ({it.key})" for it in same)
            notes.append(
                f"{one.source.label} lists {one.driver_name} in car {one.driver_number}, who may "
                f"be {names}; enter the driver by hand if he can be picked"
            )
            continue
        if same:
            driver = same[0]
        else:
            driver = Driver.objects.create(
                key=make_key(one.driver_name),
                name=one.driver_name,
                code=one.driver_code,
                created_at=now,
            )
            persons.append(driver)
        if known is None:
            DriverKey.objects.create(driver=driver, **given)
        named.append(replace(one, driver_id=driver.key))
    return named, notes


def identify_listed(
    season: int, listed: Sequence[ListedDriver], now: datetime, *, adds: bool
) -> tuple[dict[str, ListedDriver], list[str]]:
    """Jolpica's list by our keys; `adds` saves the persons who are new, and returns what there is
    to say of keys that changed. Raises `BadSourceData` where it is in doubt who one of them is."""
    entries = [
        ResultRecord.of_driver(one.driver_id, one.driver_name, one.driver_code, one.driver_born)
        for one in listed
    ]
    keys, decided = read_persons(season, [entry.driver_id for entry in entries])
    # Whom another source listed first is known by letters and name: of cars there are none here.
    entered = Entrant.objects.filter(season=season).values_list("driver", flat=True).distinct()
    persons = SeasonDrivers(season, keys, decided, {(key, None) for key in entered}, now)
    identified = persons.identify_entries(entries)
    notes: list[str] = []
    if adds:
        persons.accept_entries(identified, is_provisional=False)
        notes = persons.write()
    known = {entry.driver_id: one for entry, one in zip(identified, listed, strict=True)}
    return known, notes


def read_season_drivers(
    season: int,
    records: Iterable[ClassificationRecord | UnreadableClassification],
    cars: set[tuple[str, int | None]],
    now: datetime,
) -> SeasonDrivers:
    """The persons of these records; one query."""
    keys = {
        entry.driver_id
        for record in records
        if isinstance(record, ClassificationRecord)
        for entry in record.results
    }
    persons, decided = read_persons(season, keys)
    return SeasonDrivers(season, persons, decided, cars, now)


def find_persons(season: int, entries: Sequence[ResultRecord], now: datetime) -> list[ResultRecord]:
    """A person's entries, or the feed's, with the drivers as they are now. One that nothing names
    yet is new."""
    persons = read_own(season, {entry.driver_id for entry in entries})
    unknown = {entry.driver_id: entry for entry in entries if entry.driver_id not in persons}
    Driver.objects.bulk_create(
        [
            Driver(key=key, name=entry.driver_name, code=entry.driver_code, created_at=now)
            for key, entry in sorted(unknown.items())
        ],
        ignore_conflicts=True,
    )
    return [
        replace(entry, driver_id=persons[entry.driver_id].key)
        if entry.driver_id in persons
        else entry
        for entry in entries
    ]
