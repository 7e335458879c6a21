"""Texts and keys of an upstream are cleaned once, where they arrive, whatever upstream it is."""

import json
from collections.abc import Iterator
from typing import Any
from unicodedata import category

import pytest

from ingestion.records import (
    CalendarRecord,
    ClassificationRecord,
    Source,
    UnreadableClassification,
)
from ingestion.sample import newer
from ingestion.sample.schedule_file import build_schedule
from ingestion.sample.season import load_season
from ingestion.sessions import SessionType
from ingestion.sources import ClassificationQuery, Sources
from ingestion.sources.live_timing.classification import read_index
from ingestion.sources.values import LONGEST_KEY, clean_text
from tests.fastf1_limits import fetch_calendar, fetch_results, fetch_schedule
from tests.live_facts import known_drivers
from tests.upstream import FaultyUpstream, with_results, with_rows

# NUL, ANSI colours, C1, a carriage return, direction changes, an invisible joiner.
SPOILT = "\x00\x1b[31m\x9b2J\r\n\u202e\u2066\u200d\ufeff"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Hülkenberg", "Hülkenberg"),
        ("São Paulo", "São Paulo"),
        ("  Lando \t Norris\r\n", "Lando Norris"),
        ("Nor\u202eris", "Norris"),
        ("Nor\u2028ris", "Nor ris"),
        ("\ud83c\udfc1", ""),
        ("🏁", "🏁"),
        ("a\x00b\x7fc\x85d", "abc d"),
        (f"x{SPOILT}y", "x[31m2J y"),
    ],
)
def test_what_cannot_be_read_is_taken_out(text: str, clean: str) -> None:
    assert clean_text(text) == clean


def texts_of(record: object) -> Iterator[str]:
    """Every text within a record, however deep."""
    if isinstance(record, str):
        yield record
    elif isinstance(record, tuple):
        for part in record:
            yield from texts_of(part)
    elif hasattr(record, "__slots__") and not isinstance(record, type):
        for name in record.__slots__:
            yield from texts_of(getattr(record, name))


def assert_clean(*records: object) -> None:
    texts = [text for record in records for text in texts_of(record)]
    assert len(texts) > 40
    assert any("[31m2J" in text for text in texts)
    spoilt = [text for text in texts if any(category(char)[0] == "C" for char in text)]
    assert spoilt == []


def spoil(value: Any) -> Any:
    """Each text within a document that is no number and no time: in its middle."""
    if isinstance(value, dict):
        return {key: inner if key in KEPT else spoil(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [spoil(inner) for inner in value]
    return f"{value[:1]}{SPOILT}{value[1:]}" if is_name(value) else value


# What is no text to read but a time, a number or an address.
KEPT = {
    *("date", "time", "season", "round", "number", "position", "points", "laps", "grid"),
    *("permanentNumber", "url", "xmlns", "series", "limit", "offset", "total", "millis", "id"),
    *("type", "timestamp", "code", "status", "year", "positionText", "timezone"),
}  # fmt: skip


def is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) > 1 and value[0].isalpha()


def test_a_schedule_file(upstream: FaultyUpstream, sources: Sources) -> None:
    document = json.loads(json.dumps(build_schedule(load_season())))
    for column in ("event_name", "official_event_name", "country", "location"):
        document[column] = spoil(document[column])
        document[column]["3"] += "\ud800"
    upstream.serve_schedule(2024, json.dumps(document).encode())
    answer = fetch_schedule(sources, 2024, fresh=True)
    [calendar] = answer.records
    assert isinstance(calendar, CalendarRecord)
    assert len(calendar.grands_prix) == 24
    assert_clean(calendar)


def test_jolpicas_calendar(upstream: FaultyUpstream, sources: Sources) -> None:
    upstream.fault("*/races.json", transform=spoil)
    assert_clean(*fetch_calendar(sources, 2024, fresh=True).records)


@pytest.mark.parametrize("kind", [SessionType.RACE, SessionType.QUALIFYING])
def test_jolpicas_results(upstream: FaultyUpstream, sources: Sources, kind: SessionType) -> None:
    upstream.fault("*", transform=spoil)
    records = fetch_results(sources, 2024, kind, round_number=5, fresh=True).records
    assert all(isinstance(one, ClassificationRecord) for one in records)
    assert_clean(*records)


def test_jolpicas_newer_form(upstream: FaultyUpstream, sources: Sources) -> None:
    """Drivers and teams are found by their clean names."""
    upstream.fault(newer.ROUNDS_PATH, transform=spoil)
    source = sources.named(Source.JOLPICA_NEWER)
    assert source is not None
    invisible = with_results(lambda rows: [with_invisible_names(row) for row in rows])
    upstream.fault("*/SQ/", transform=invisible)
    query = ClassificationQuery(2024, SessionType.SPRINT_QUALIFYING, known=tuple(known_drivers()))
    answer = source.fetch_classifications(query, fresh=True)
    assert_clean(*answer.records)
    [record] = answer.records
    assert isinstance(record, ClassificationRecord)
    assert record.results[0].driver_id == "norris"


def with_invisible_names(row: Any) -> Any:
    for part, key in (("driver", "given_name"), ("driver", "family_name"), ("team", "name")):
        row[part][key] = f"\u202e{row[part][key]}\x00"
    return row


@pytest.mark.parametrize("char", list("\x00\x1b\u202e\ud800\x9b"))
def test_no_address_of_live_timing_has_one(char: str) -> None:
    meeting = {
        "Name": "Chinese Grand Prix",
        "Number": 5,
        "Location": "Shanghai",
        "Country": {"Name": "China"},
        "Sessions": [
            {
                "Name": "Race", "Key": 1, "GmtOffset": "08:00:00",
                "StartDate": "2024-04-21T15:00:00",
                "Path": f"2024/2024-04-21_Chin{char}ese_Grand_Prix/2024-04-21_Race/",
            }
        ],
    }  # fmt: skip
    with pytest.raises(Exception, match="no place of a session"):
        read_index([meeting], 2024)


def test_a_long_name_is_cut_and_that_is_noticed(upstream: FaultyUpstream, sources: Sources) -> None:
    def lengthen(row: Any) -> Any:
        row["Constructor"]["name"] = "Scuderia " * 20
        return row

    upstream.fault("*", transform=with_rows(lengthen))
    answer = fetch_results(sources, 2024, SessionType.RACE, round_number=5, fresh=True)
    [record] = answer.records
    assert isinstance(record, ClassificationRecord)
    assert {len(row.constructor_name) for row in record.results} == {120}
    [notice] = answer.notices
    assert notice.startswith("a text of 179 characters was cut after 120: Scuderia")


def test_a_key_is_never_cut(upstream: FaultyUpstream, sources: Sources) -> None:
    """Two that begin alike would be one driver."""

    def lengthen(row: Any) -> Any:
        row["Driver"]["driverId"] = "x" * LONGEST_KEY + row["Driver"]["driverId"]
        return row

    upstream.fault("*", transform=with_rows(lengthen))
    [record] = fetch_results(sources, 2024, SessionType.RACE, round_number=5, fresh=True).records
    assert isinstance(record, UnreadableClassification)
    assert "a key of" in record.reason
