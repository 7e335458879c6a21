"""A detail that cannot be right is missing, with a notice: it hides no result."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ingestion.errors import ResultsNotReady
from ingestion.plausibility import SeasonField, check_classification
from ingestion.records import ClassificationRecord, Source
from ingestion.sample.season import load_season
from ingestion.sessions import SessionType
from ingestion.sources import ClassificationQuery, SourceAnswer, Sources
from tests.fastf1_limits import fetch_results
from tests.live_facts import as_result
from tests.upstream import FaultyUpstream, with_results, with_rows

RACE, QUALIFYING = SessionType.RACE, SessionType.QUALIFYING


def spoil_place(*places: int, **values: Any) -> Callable[[Any], Any]:
    """These keys of the rows with these positions; a dictionary goes into the one that is there."""

    def spoil(row: Any) -> Any:
        if int(row["position"]) in places:
            for key, value in values.items():
                row[key] = {**row[key], **value} if isinstance(value, dict) else value
        return row

    return with_rows(spoil)


def fetch(
    sources: Sources, upstream: FaultyUpstream, session_type: SessionType, spoil: Any
) -> SourceAnswer[ClassificationRecord]:
    upstream.fault("*", transform=spoil)
    answer = fetch_results(sources, 2024, session_type, round_number=1, fresh=True)
    records = [one for one in answer.records if isinstance(one, ClassificationRecord)]
    return SourceAnswer(tuple(records), notices=answer.notices)


@pytest.mark.parametrize(
    "case",
    [
        (QUALIFYING, 3, {"Q3": "1"}, "q3"),
        (QUALIFYING, 1, {"Q3": "1"}, "q3"),
        (QUALIFYING, 1, {"Q1": "0:00.001"}, "q1"),
        (QUALIFYING, 12, {"Q2": "59:59.000"}, "q2"),
        (QUALIFYING, 20, {"Q1": "9"}, "q1"),
        (QUALIFYING, 3, {"Q3": "quick"}, "q3"),
        (QUALIFYING, 12, {"Q2": "1:2x.345"}, "q2"),
        (RACE, 3, {"Time": {"millis": "soon"}}, "time"),
        (RACE, 3, {"Time": {"millis": "1"}}, "time"),
        (RACE, 1, {"Time": {"millis": "1"}}, "time"),
        (RACE, 2, {"Time": {"millis": "99999999999"}}, "time"),
        (RACE, 4, {"grid": "1"}, "grid"),
        (RACE, 4, {"grid": "99"}, "grid"),
        (RACE, 4, {"grid": "40000"}, "grid"),
        (RACE, 4, {"grid": "pit lane"}, "grid"),
        (RACE, 20, {"laps": "all"}, "laps"),
        (RACE, 20, {"points": "ten"}, "points"),
        (RACE, 20, {"laps": "99999999999999999999"}, "laps"),
        (RACE, 20, {"points": "1000"}, "points"),
        (RACE, 2, {"number": "32768"}, "driver_number"),
        (QUALIFYING, 20, {"number": "99999999"}, "driver_number"),
    ],
)
def test_a_spoilt_detail_is_missing_and_the_classification_stays(
    sources: Sources,
    upstream: FaultyUpstream,
    case: tuple[SessionType, int, dict[str, Any], str],
) -> None:
    session_type, place, values, field = case
    [true] = fetch_results(sources, 2024, session_type, round_number=1, fresh=True).records
    assert isinstance(true, ClassificationRecord)
    answer = fetch(sources, upstream, session_type, spoil_place(place, **values))
    [record] = answer.records
    check_classification(record, SeasonField())
    assert [row.driver_id for row in record.results] == [row.driver_id for row in true.results]
    spoilt = record.results[place - 1]
    assert getattr(spoilt, field) is None
    assert spoilt.driver_id in record.spoilt
    assert any(
        "cannot be right and counts as missing" in notice and spoilt.driver_id in notice
        for notice in answer.notices
    )


@pytest.mark.parametrize("grid", ["-1", "", None, "pits"])
def test_a_race_without_any_grid_stays(
    sources: Sources, upstream: FaultyUpstream, grid: str | None
) -> None:
    spoil = with_rows(lambda row: {**row, "grid": grid})
    answer = fetch(sources, upstream, RACE, spoil)
    [record] = answer.records
    check_classification(record, SeasonField())
    assert {row.grid for row in record.results} == {None}
    assert "no entry has a grid slot yet" in answer.notices[0]


@pytest.mark.parametrize(
    ("session_type", "spoil"),
    [
        # The second, quicker than the pole by half a second: one of the two is wrong.
        (QUALIFYING, spoil_place(2, Q3="1:28.700")),
        # Half of a field with laps of another circuit.
        (QUALIFYING, with_rows(lambda row: {**row, "Q1": "0:58.000", "Q3": ""})),
        # A penalty that is in the times and not in the places.
        (RACE, spoil_place(2, Time={"millis": "5504000"})),
    ],
)
def test_an_order_in_doubt_is_not_believed(
    sources: Sources, upstream: FaultyUpstream, session_type: SessionType, spoil: Any
) -> None:
    [record] = fetch(sources, upstream, session_type, spoil).records
    with pytest.raises(ResultsNotReady):
        check_classification(record, SeasonField())


def test_gaps_are_missing_where_the_winners_time_is_spoilt(
    sources: Sources, upstream: FaultyUpstream
) -> None:
    [record] = fetch(sources, upstream, RACE, spoil_place(1, Time={"millis": "1"})).records
    assert {row.gap for row in record.results} == {None}
    assert record.results[1].time is not None


@pytest.mark.parametrize("lap", ["soon", "1", "0.5", "99:99.999"])
def test_a_spoilt_lap_of_a_sprint_qualifying(
    sources: Sources, upstream: FaultyUpstream, lap: str
) -> None:
    def spoil(rows: Any) -> Any:
        row = next(one for one in rows if one["position"] == 3)
        row["components"]["SQ3"]["time"] = lap
        return rows

    upstream.fault("*/SQ/", transform=with_results(spoil))
    source = sources.named(Source.JOLPICA_NEWER)
    assert source is not None
    season = load_season(2024)
    laps = season.sprint_qualifyings["china"]
    answer = source.fetch_classifications(
        ClassificationQuery(
            2024,
            SessionType.SPRINT_QUALIFYING,
            name="Chinese Grand Prix",
            is_race=lambda race: race.name == "Chinese Grand Prix",
            known=tuple(map(as_result, laps)),
        ),
        fresh=True,
    )
    [record] = answer.records
    assert isinstance(record, ClassificationRecord)
    assert record.results[2].q3 is None
    assert record.results[2].q2 is not None
    assert record.results[1].q3 is not None
    assert timedelta(0) < record.results[1].q3
    assert "SQ3" in answer.notices[0] or "Q3" in answer.notices[0]
