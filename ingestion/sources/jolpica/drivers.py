"""Jolpica's lists of drivers in its Ergast form, of a season or of a round.

The server (jolpica-f1 of 2026) lists for a season whoever is entered with a team, and for a round
whoever has an entry in it, with a result or without one. Entries come with the results of a round's
first session that it has: before, the list is empty, and so may be a season's before its first
race. A list has permanent numbers, which are not the cars', and no teams.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ingestion.errors import BadSourceData
from ingestion.records import ListedDriver
from ingestion.sources.cache import forget_copies
from ingestion.sources.calls import calling, find_document
from ingestion.sources.jolpica.pages import PAGE_ROWS, build_url
from ingestion.sources.protocol import SourceAnswer
from ingestion.sources.values import (
    LONGEST_CODE,
    UNREADABLE,
    noticing,
    read_born,
    read_integer,
    read_key,
    read_text,
    require,
)

if TYPE_CHECKING:
    from ingestion.sources.http import Adapter

# It changes with a debut, and is requested once a day at most.
LIST_KEPT = timedelta(hours=20)


def fetch_list(
    adapter: "Adapter", season: int, round_number: int | None, grand_prix: str
) -> SourceAnswer[ListedDriver]:
    """FastF1's copy while it is young enough. No record where there is no list yet."""
    from fastf1.ergast import Ergast

    what = f"Jolpica's list of the drivers of {season}"
    if round_number is not None:
        what += f" round {round_number}"
    url = build_url(season, round_number, "drivers", offset=0)
    with noticing() as notices, calling(adapter, what, url, fresh=False) as call:
        document, _ = find_document(url, since=adapter.now() - LIST_KEPT)
        if document is None:
            forget_copies([url])
            ergast = Ergast(result_type="raw", auto_cast=False)
            ergast.get_driver_info(season, round_number, limit=PAGE_ROWS)
            document = call.read_document()
        try:
            drivers = read_list(document, season, round_number, grand_prix)
        except UNREADABLE as error:
            raise BadSourceData(f"{what} cannot be used: {error}") from error
        return SourceAnswer(
            drivers, call.read_generated_at(), call.read_expires_at(), tuple(notices)
        )


def read_list(
    document: Any, season: int, round_number: int | None, grand_prix: str
) -> tuple[ListedDriver, ...]:
    """All of it or none: raises one of `UNREADABLE` where it is another list than the requested
    one, a part of it, or in doubt about a driver."""
    data = document["MRData"]
    table = data["DriverTable"]
    of_round = table.get("round")
    if (int(table["season"]), None if of_round is None else int(of_round)) != (
        season,
        round_number,
    ):
        which = f"{read_text(table['season'])} round {read_text(of_round) or 'none'}"
        raise ValueError(f"it is of {which}")
    rows = table["Drivers"]
    if read_integer(data["total"]) != len(rows):
        raise ValueError(f"{len(rows)} rows were sent of {read_text(data['total'])}")
    listed: dict[str, ListedDriver] = {}
    for row in rows:
        name = require(read_text(f"{row['givenName']} {row['familyName']}"), "name of a driver")
        key = require(read_key(row.get("driverId")), f"key of {name}")
        if key in listed:
            raise ValueError(f"{listed[key].driver_name} and {name} have one key, {key}")
        born = require(read_born(row.get("dateOfBirth")), f"date of birth of {name}")
        code = read_text(row.get("code"), longest=LONGEST_CODE)
        listed[key] = ListedDriver(grand_prix, key, code, name, born)
    return tuple(listed.values())
