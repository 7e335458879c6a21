"""Each source through the real FastF1 over real HTTP: records with their age, or a typed error."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.errors import BadSourceData, ResultsNotReady, SourceUnavailable
from ingestion.matching import as_known, is_race_of
from ingestion.records import ClassificationRecord, RaceIdentity, Source
from ingestion.sample import newer
from ingestion.sessions import SessionType
from ingestion.sources import (
    ClassificationQuery,
    KnownDriver,
    SourceAnswer,
    SourceConfig,
    Sources,
    connect,
)
from tests.fastf1_limits import cached_urls
from tests.live_facts import SEASON, as_record, as_result, known_drivers, shorten
from tests.live_upstream import (
    PASSWORD,
    USERNAME,
    LiveUpstream,
    restore_addresses,  # noqa: F401
    start_live_upstream,  # noqa: F401
)
from tests.upstream import FaultyUpstream

HOUR = timedelta(hours=1)
CHINA = SEASON.grand_prix("china")
CHINA_SQ = f"{newer.PATH}/results/{newer.build_round_key(SEASON, CHINA)}/SQ/"


def open_sources(upstream: FaultyUpstream, folder: Path, **account: str) -> Sources:
    config = SourceConfig(
        folder,
        schedule_url=upstream.schedule_url,
        jolpica_url=upstream.jolpica_url,
        **account,
    )
    return connect(config, reserve=lambda _host, _requests: None)


@pytest.fixture
def sources(upstream: FaultyUpstream, tmp_path: Path, fastf1_restored: None) -> Sources:
    return open_sources(upstream, tmp_path / "cache")


def recognise(key: str) -> Callable[[RaceIdentity], bool]:
    known = as_known(as_record(key))
    return lambda race: is_race_of(race, known)


def query(
    session_type: SessionType, key: str | None = None, *, number: int | None = None
) -> ClassificationQuery:
    if key is None:
        return ClassificationQuery(2024, session_type)
    return ClassificationQuery(
        2024,
        session_type,
        round_number=number,
        is_own_round=number is not None,
        name=SEASON.grand_prix(key).name,
        is_race=recognise(key),
        known=tuple(known_drivers()),
    )


def fetch(
    sources: Sources, name: Source, request: ClassificationQuery, *, fresh: bool = True
) -> SourceAnswer[ClassificationRecord]:
    """Readable ones alone, which is what all of these tests expect."""
    source = sources.named(name)
    assert source is not None
    answer = source.fetch_classifications(request, fresh=fresh)
    records = tuple(one for one in answer.records if isinstance(one, ClassificationRecord))
    assert len(records) == len(answer.records)
    return SourceAnswer(records, answer.generated_at, answer.expires_at, answer.notices)


def paths(upstream: FaultyUpstream) -> list[str]:
    taken = [request.path for request in upstream.requests]
    upstream.clear_requests()
    return taken


def test_the_registry_says_who_has_what(sources: Sources) -> None:
    def names(session_type: SessionType, season: int = 2024) -> list[Source]:
        return [one.name for one in sources.all if one.offers(season, session_type)]

    assert [one.name for one in sources.calendars(2024)] == [Source.SCHEDULE_FILE, Source.JOLPICA]
    assert [one.name for one in sources.calendars(1990)] == [Source.JOLPICA]
    assert names(SessionType.RACE) == [Source.JOLPICA]
    assert names(SessionType.SPRINT_QUALIFYING) == [Source.JOLPICA_NEWER]
    assert sources.named(Source.LIVE_TIMING) is None


def test_live_timing_is_a_source_with_an_account_alone(
    live_upstream: LiveUpstream, tmp_path: Path, addresses_restored: None
) -> None:
    sources = open_live(live_upstream, tmp_path)
    [provisional] = sources.provisional()
    assert (provisional.name, provisional.name.is_provisional) == (Source.LIVE_TIMING, True)
    assert provisional.offers(2024, SessionType.RACE)
    assert not provisional.offers(2017, SessionType.RACE)
    assert live_upstream.requests == []


def test_both_calendars_are_one_record_with_its_age(
    sources: Sources, upstream: FaultyUpstream
) -> None:
    for source in sources.calendars(2024):
        answer = source.fetch_calendar(2024, fresh=True)
        [calendar] = answer.records
        assert (calendar.source, len(calendar.grands_prix)) == (source.name, 24)
        assert answer.generated_at is not None
        assert answer.generated_at == calendar.generated_at
        assert answer.expires_at is not None
        assert answer.expires_at > answer.generated_at
    assert sources.requests == len(upstream.requests) == 2


def test_a_calendar_that_cannot_be_true_does_not_stay_in_the_cache(
    sources: Sources, upstream: FaultyUpstream
) -> None:
    upstream.fault("*schedule_2024.json", transform=with_one_name)
    with pytest.raises(BadSourceData, match="the schedule file of 2024 was refused"):
        sources.calendars(2024)[0].fetch_calendar(2024, fresh=False)
    assert cached_urls() == []


def with_one_name(document: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    return {**document, "event_name": dict.fromkeys(document["event_name"], "Grand Prix")}


def test_a_whole_season_is_read_at_once(sources: Sources, upstream: FaultyUpstream) -> None:
    answer = fetch(sources, Source.JOLPICA, query(SessionType.SPRINT))
    assert [one.race.round_number for one in answer.records] == [5, 6, 11, 19, 21, 23]
    assert len(upstream.requests) == 2


def test_one_race_is_requested_under_its_known_round(
    sources: Sources, upstream: FaultyUpstream
) -> None:
    request = query(SessionType.RACE, "china", number=CHINA.round)
    [record] = fetch(sources, Source.JOLPICA, request).records
    assert record.race.name == CHINA.name
    assert paths(upstream) == ["/ergast/f1/2024/5/results.json"]


def test_another_race_under_that_round_is_named_and_the_right_round_looked_for(
    sources: Sources, upstream: FaultyUpstream
) -> None:
    answer = fetch(sources, Source.JOLPICA, query(SessionType.RACE, "china", number=4))
    assert [one.race.name for one in answer.records] == [CHINA.name]
    [notice] = answer.notices
    assert notice == (
        "Jolpica's round 4 is the Japanese Grand Prix of 2024-04-07, not the Chinese Grand Prix; "
        "it was refused"
    )
    assert paths(upstream) == [
        f"/ergast/f1/2024/{path}.json" for path in ("4/results", "races", "5/results")
    ]


def test_without_a_round_the_calendar_says_it_once_a_run(
    sources: Sources, upstream: FaultyUpstream
) -> None:
    for key in ("china", "bahrain"):
        [record] = fetch(sources, Source.JOLPICA, query(SessionType.RACE, key)).records
        assert record.race.name == SEASON.grand_prix(key).name
    assert paths(upstream) == [
        f"/ergast/f1/2024/{path}.json" for path in ("races", "5/results", "1/results")
    ]


def test_a_race_that_its_calendar_does_not_have_is_bad_data(sources: Sources) -> None:
    request = replace(query(SessionType.RACE, "china"), is_race=lambda _race: False)
    with pytest.raises(BadSourceData, match="calendar of 2024 has no Chinese Grand Prix"):
        fetch(sources, Source.JOLPICA, request)


def test_a_round_without_rows_is_an_answer_without_records(
    sources: Sources, upstream: FaultyUpstream
) -> None:
    upstream.seasons[2024] = replace(SEASON, races={})
    request = query(SessionType.RACE, "china", number=CHINA.round)
    answer = fetch(sources, Source.JOLPICA, request)
    assert (answer.records, answer.notices) == ((), ())
    assert answer.expires_at is not None
    assert len(upstream.requests) == 1


def test_an_empty_answer_of_the_future_is_no_other_race(
    sources: Sources, upstream: FaultyUpstream
) -> None:
    upstream.seasons[2024] = replace(SEASON, races={})
    upstream.fault(
        "*", headers={"Cache-Control": "public", "Date": "Thu, 01 Jan 2099 00:00:00 GMT"}
    )
    request = query(SessionType.RACE, "china", number=CHINA.round)
    assert fetch(sources, Source.JOLPICA, request).records == ()
    assert len(upstream.requests) == 1


def test_the_newer_form_reads_its_rounds_once_a_run(
    sources: Sources, upstream: FaultyUpstream
) -> None:
    for key in ("china", "miami"):
        request = query(SessionType.SPRINT_QUALIFYING, key)
        request = replace(request, known=of_weekend(key))
        [record] = fetch(sources, Source.JOLPICA_NEWER, request).records
        leader = next(one for one in SEASON.sprint_qualifyings[key] if one.order == 1)
        assert record.results[0].driver_id == leader.driver
    assert paths(upstream).count(newer.ROUNDS_PATH) == 1


def of_weekend(key: str) -> tuple[KnownDriver, ...]:
    return tuple(as_result(finish) for finish in SEASON.sprints[key])


@pytest.mark.parametrize("status", [404, 500])
def test_the_newer_form_without_results_is_not_ready(
    sources: Sources, upstream: FaultyUpstream, status: int
) -> None:
    upstream.fault(CHINA_SQ, status=status)
    with pytest.raises(ResultsNotReady):
        fetch(sources, Source.JOLPICA_NEWER, query(SessionType.SPRINT_QUALIFYING, "china"))


def test_a_newer_form_that_is_out_of_order_is_unavailable(
    sources: Sources, upstream: FaultyUpstream
) -> None:
    upstream.fault(CHINA_SQ, status=503)
    with pytest.raises(SourceUnavailable, match="503"):
        fetch(sources, Source.JOLPICA_NEWER, query(SessionType.SPRINT_QUALIFYING, "china"))


def test_a_half_filled_answer_is_not_ready_and_does_not_stay_in_the_cache(
    sources: Sources, upstream: FaultyUpstream
) -> None:
    upstream.fault(CHINA_SQ, transform=without_last_part)
    with pytest.raises(ResultsNotReady, match="of the 2024 Chinese Grand Prix: SQ3 is missing"):
        fetch(
            sources,
            Source.JOLPICA_NEWER,
            query(SessionType.SPRINT_QUALIFYING, "china"),
            fresh=False,
        )
    assert [url for url in cached_urls() if "/SQ/" in url] == []


def without_last_part(document: dict[str, dict[str, list[dict[str, dict[str, str]]]]]) -> object:
    for row in document["data"]["results"]:
        row["components"].pop("SQ3", None)
    return document


def open_live(upstream: LiveUpstream, folder: Path) -> Sources:
    account = {
        "f1_username": USERNAME,
        "f1_password": PASSWORD,
        "live_timing_url": upstream.address,
    }
    return open_sources(upstream, folder / "cache", **account)


def test_live_timing_has_a_provisional_classification_of_one_session(
    live_upstream: LiveUpstream, tmp_path: Path, addresses_restored: None
) -> None:
    shorten(live_upstream)
    sources = open_live(live_upstream, tmp_path)
    request = query(SessionType.SPRINT_QUALIFYING, "china")
    with pytest.raises(ResultsNotReady, match="live timing: "):
        # Three cars are no field.
        fetch(sources, Source.LIVE_TIMING, request)
    taken = paths(live_upstream)
    with pytest.raises(ResultsNotReady, match="does not list it"):
        fetch(
            sources,
            Source.LIVE_TIMING,
            replace(request, starts_at=datetime(2024, 4, 24, tzinfo=UTC)),
        )
    # The index was read before.
    assert "/static/2024/Index.json" in taken
    assert paths(live_upstream) == []
