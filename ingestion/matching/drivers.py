"""Which person is this entry's driver? By the key that a source gave before (`check_person`), else
by the first of these that fits anybody (`find_person`):

1. The name and the date of birth.
2. The name and the season's car number (none of a driver whom a person entered without one), where
   one of the two has no date of birth.
3. A key that we know as it is or as the last part of one, for whom is in the season already, and a
   part of the name; where that is no whole name, the car number too, or the letters in a list.
4. The letters, the season's car number and a part of the name.

A doubtful match is refused: two persons are never made one."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Protocol, TypeVar

from ingestion.errors import BadSourceData
from ingestion.names import fold_name
from ingestion.records import ResultRecord

MERGE = "Merge or split drivers on their page in the admin"


class Person(Protocol):
    """A driver as we have him; `born` is None where no source says it."""

    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def born(self) -> date | None: ...


P = TypeVar("P", bound=Person)


def is_part(some: frozenset[str], others: frozenset[str]) -> bool:
    """Whether all words of one name are in the other."""
    return bool(some and others) and (some <= others or others <= some)


def check_person(entry: ResultRecord, known: Person) -> None:
    """That the key is still the same person's; raises `BadSourceData` where it is not.

    A corrected name or a corrected date of birth is the same person, both at once are another's.
    Where a date is missing, one word of the name has to be left.
    """
    words, known_words = fold_name(entry.driver_name), fold_name(known.name)
    if entry.driver_born is not None and known.born is not None:
        is_same = entry.driver_born == known.born or words == known_words
    else:
        is_same = bool(words & known_words) or not (words and known_words)
    if not is_same:
        raise _refuse(
            f"the key {entry.driver_id} was {_describe(known.name, known.born)} and is now "
            f"{_describe(entry.driver_name, entry.driver_born)}"
        )


def find_person(
    entry: ResultRecord,
    drivers: Iterable[P],
    cars: Collection[tuple[str, int | None]],
) -> P | None:
    """Who of the known drivers comes under a key that no source gave so far; None is a new person.

    `cars` are the season's, by driver and number. Raises `BadSourceData` where two would fit.
    """
    words = fold_name(entry.driver_name)
    known = list(drivers)
    named = [one for one in known if words and fold_name(one.name) == words]
    born = entry.driver_born
    found = [one for one in named if born is not None and one.born == born]
    if not found:
        found = [
            one
            for one in named
            if None in (born, one.born)
            # A person may have entered him without a number.
            and any((one.key, number) in cars for number in (entry.driver_number, None))
        ]
    if not found:
        # One whom a person or the second source entered in this season before Jolpica named him,
        # which mostly does so by the surname: his brother has the same, and another first name. Of
        # the same key and name is whom another season's run has saved just now.
        in_season = {key for key, _ in cars}
        found = [
            one
            for one in known
            if entry.driver_id in (one.key, one.key.rpartition("-")[2])
            and (one.key in in_season or (one.key == entry.driver_id and one in named))
            and fold_name(one.name) & words
            and None in (born, one.born)
            and (is_part(fold_name(one.name), words) or _has_same_car(entry, one, cars))
        ]
    if not found:
        # One whom the second source named first: Kimi Antonelli, who is Andrea Kimi Antonelli; or
        # whose name is corrected with the key.
        found = [
            one
            for one in known
            if one.born in (None, born)
            and one.code
            and one.code == entry.driver_code
            and (one.key, entry.driver_number) in cars
            and is_part(fold_name(one.name), words)
        ]
    if len(found) > 1:
        both = " and ".join(_describe(f"{one.name} ({one.key})", one.born) for one in found)
        raise _refuse(f"{entry.driver_name} under the new key {entry.driver_id} may be {both}")
    return found[0] if found else None


def _has_same_car(
    entry: ResultRecord, one: Person, cars: Collection[tuple[str, int | None]]
) -> bool:
    """Whether the car is the same, by its number; in a list, which has no numbers, by the
    letters."""
    if entry.driver_number is None:
        return bool(one.code) and one.code == entry.driver_code
    return (one.key, entry.driver_number) in cars


def check_keys(entries: Iterable[ResultRecord]) -> None:
    """That a classification has no key for two persons."""
    first: dict[str, ResultRecord] = {}
    for entry in entries:
        known = first.setdefault(entry.driver_id, entry)
        if fold_name(known.driver_name) != fold_name(entry.driver_name):
            names = f"{known.driver_name} and {entry.driver_name}"
            raise _refuse(f"the key {entry.driver_id} is {names} at once")


def check_persons(entries: Iterable[ResultRecord], persons: Mapping[str, str]) -> None:
    """That a classification has no person under two keys; `persons` are the drivers by them."""
    keys: dict[str, str] = {}
    for entry in entries:
        other = keys.setdefault(persons[entry.driver_id], entry.driver_id)
        if other != entry.driver_id:
            both = f"{other} and {entry.driver_id}"
            raise _refuse(f"{entry.driver_name} is listed under two keys, {both}")


def check_names(entries: Iterable[ResultRecord], persons: Mapping[str, Person]) -> None:
    """That none has the name of another who is in it too: brothers whose keys are swapped."""
    named = {fold_name(person.name): person for person in persons.values()}
    for entry in entries:
        words, person = fold_name(entry.driver_name), persons[entry.driver_id]
        other = named.get(words, person)
        if other.key != person.key and words != fold_name(person.name):
            raise _refuse(
                f"the key {entry.driver_id} was {_describe(person.name, person.born)} and is now "
                f"{_describe(other.name, other.born)}, who has a key of his own"
            )


def _refuse(message: str) -> BadSourceData:
    error = BadSourceData(message)
    error.advice = MERGE
    return error


def _describe(name: str, born: object) -> str:
    return f"{name}, born {born}" if born is not None else f"{name}, of unknown birth"
