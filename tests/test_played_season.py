"""The season that unfolds: its facts, what is drawn by lot, and the cache for everybody."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
import requests

from ingestion.sample.season import Finish, Lap, Season, load_season
from rehearsal.history import (
    CLASSIFIED,
    SHOOTOUT,
    is_blank,
    load_decisions,
    load_jolpicas_starts,
    load_moves,
    schedule_as_published,
    undo,
    with_jolpicas_errors,
)
from rehearsal.played_season import (
    DEFAULT_SEED,
    PlayedSeason,
    Publication,
    Stage,
    Trouble,
    play_season,
)
from rehearsal.upstream import PlayedUpstream, SharedCache, draw_clients, open_cache
from tests.history import read_starts, read_versions
from tests.upstream import needs_shared

SEASON = load_season()
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
NOON = datetime(2024, 7, 28, 12, tzinfo=UTC)


# What the schedule file said


@needs_shared
def test_moves_are_those_of_every_published_version() -> None:
    moves = load_moves()
    for version in read_versions(2024):
        assert is_blank(moves, version.published_at) == (version.file.stat().st_size == 0)
        if is_blank(moves, version.published_at):
            continue
        told = starts_of(schedule_as_published(SEASON, moves, version.published_at))
        assert told == dict(read_starts(version)), version.file.name
    published = {version.published_at for version in read_versions(2024)}
    assert {move.published_at for move in moves} <= published


def starts_of(season: Season) -> dict[tuple[str, str], datetime]:
    """By the names of grands prix and kinds of session, those that are known."""
    kinds = {name: name.lower().replace(" ", "_") for name in CLASSIFIED.values()}
    kinds[SHOOTOUT] = kinds["Sprint Qualifying"]
    return {
        (weekend.name, kinds[session.name]): session.starts_at
        for weekend in season.grands_prix
        for session in weekend.sessions
        if session.name in kinds and session.starts_at is not None
    }


def test_the_file_calls_sprint_qualifyings_shootouts_until_april() -> None:
    before, after = (
        schedule_as_published(SEASON, load_moves(), datetime(2024, 4, day, tzinfo=UTC)).grand_prix(
            "china"
        )
        for day in (16, 17)
    )
    assert (before.format, after.format) == ("sprint_shootout", "sprint_qualifying")
    assert [session.name for session in before.sessions][1] == "Sprint Shootout"
    assert after == SEASON.grand_prix("china")


def test_sao_paulos_qualifying_is_moved_four_hours_after_it_should_have_begun() -> None:
    moved_at = datetime(2024, 11, 2, 22, 16, 13, tzinfo=UTC)
    before, after = (
        schedule_as_published(SEASON, load_moves(), at)
        .grand_prix("sao-paulo")
        .starts_at("Qualifying")
        for at in (moved_at - timedelta(seconds=1), moved_at)
    )
    assert before == datetime(2024, 11, 2, 18, tzinfo=UTC)
    assert after == datetime(2024, 11, 3, 10, 30, tzinfo=UTC)


def test_jolpica_has_las_vegas_a_day_early_and_sao_paulo_unmoved() -> None:
    starts = load_jolpicas_starts()
    assert {grand_prix for grand_prix, _ in starts} == {"las-vegas", "sao-paulo"}
    for session in SEASON.grand_prix("las-vegas").sessions:
        assert session.starts_at is not None
        assert starts["las-vegas", session.name] == session.starts_at - timedelta(days=1)
    calendar = with_jolpicas_errors(SEASON).jolpica_calendar
    assert calendar is not None
    sao_paulo = next(weekend for weekend in calendar if weekend.id == "sao-paulo")
    assert sao_paulo.starts_at("Race") == datetime(2024, 11, 3, 17, tzinfo=UTC)


# What the stewards changed


def test_belgium_was_won_by_russell_before_he_was_disqualified() -> None:
    first = [entry for entry in undo(SEASON, "races", "belgium") if isinstance(entry, Finish)]
    assert [entry.driver for entry in first[:4]] == ["russell", "hamilton", "piastri", "leclerc"]
    assert [entry.points for entry in first[:4]] == ["25", "18", "15", "12"]
    assert first[0].classification == "1"
    # The fastest lap counts wherever he is classified.
    assert [(entry.order, entry.points) for entry in first if entry.driver == "perez"] == [(8, "5")]


def test_a_penalty_is_taken_off_and_the_order_is_that_of_the_times() -> None:
    for (table, grand_prix), decisions in load_decisions().items():
        first = undo(SEASON, table, grand_prix)
        assert [entry.order for entry in first] == list(range(1, len(first) + 1))
        assert sorted(entry.driver for entry in first) == sorted(
            entry.driver for entry in getattr(SEASON, table)[grand_prix]
        )
        times = [
            entry.milliseconds
            for entry in first
            if isinstance(entry, Finish) and entry.milliseconds is not None
        ]
        assert times == sorted(times), grand_prix
        for decision in decisions:
            assert first[decision.order - 1].driver == decision.driver


def test_both_haas_were_in_monacos_qualifying_where_their_times_put_them() -> None:
    first = [entry for entry in undo(SEASON, "qualifyings", "monaco") if isinstance(entry, Lap)]
    assert [entry.driver for entry in first if entry.constructor == "haas"] == [
        "hulkenberg",
        "kevin_magnussen",
    ]
    in_q2 = [entry.q2 for entry in first[10:15]]
    assert None not in in_q2
    assert in_q2 == sorted(time for time in in_q2 if time is not None)


def test_what_was_not_decided_afterwards_is_as_it_is() -> None:
    assert undo(SEASON, "races", "monaco") is SEASON.races["monaco"]


# What is drawn by lot


PLAYED = play_season()


def published(stage: Stage, played: PlayedSeason = PLAYED) -> list[Publication]:
    return [one for one in played.publications if one.stage is stage]


def test_each_session_is_published_once_within_three_hours_of_its_flag() -> None:
    first = published(Stage.FIRST)
    assert len(first) == len({(one.grand_prix, one.table) for one in first}) == 60
    for one in first:
        assert 40 * MINUTE <= one.at - one.flag_at <= 3 * HOUR


def test_a_flag_falls_after_the_winners_time() -> None:
    race = next(
        one for one in published(Stage.FIRST) if (one.grand_prix, one.table) == ("monaco", "races")
    )
    # Red flags included: two hours and 23 minutes.
    assert race.flag_at - datetime(2024, 5, 26, 13, tzinfo=UTC) == timedelta(
        minutes=4, milliseconds=8595554
    )


def test_amendments_follow_the_decision_and_end_in_the_facts() -> None:
    amended = published(Stage.AMENDED)
    assert {(one.table, one.grand_prix) for one in amended} == set(load_decisions())
    for one in amended:
        decided_at = one.flag_at + load_decisions()[one.table, one.grand_prix][0].after
        assert one.at >= decided_at + 40 * MINUTE
        assert one.entries == getattr(SEASON, one.table)[one.grand_prix]
        before = [
            other
            for other in published(Stage.FIRST)
            if (other.table, other.grand_prix) == (one.table, one.grand_prix)
        ]
        assert before[0].at <= decided_at - 30 * MINUTE


def test_the_same_seed_is_the_same_season_and_another_is_another() -> None:
    again, other = play_season(seed=DEFAULT_SEED), play_season(seed=7)
    assert again.publications == PLAYED.publications
    assert [one.at for one in published(Stage.FIRST, other)] != [
        one.at for one in published(Stage.FIRST)
    ]


def test_jolpica_shows_what_was_published_by_then_and_nothing_else() -> None:
    first, amended = (
        one
        for one in PLAYED.publications
        if (one.grand_prix, one.table) == ("belgium", "races")
        and one.stage is not Stage.HALF_FILLED
    )
    shown = [
        PLAYED.jolpica_at(at).races.get("belgium")
        for at in (first.flag_at, first.at, amended.at - MINUTE, amended.at)
    ]
    assert shown == [None, first.entries, first.entries, amended.entries]
    end = PLAYED.jolpica_at(PLAYED.publications[-1].at)
    assert (end.races, end.qualifyings, end.sprints, end.sprint_qualifyings) == (
        SEASON.races,
        SEASON.qualifyings,
        SEASON.sprints,
        SEASON.sprint_qualifyings,
    )


def test_a_half_filled_classification_lacks_what_makes_it_whole() -> None:
    half = published(Stage.HALF_FILLED)
    assert len(half) > 10
    for one in half:
        laps = [entry for entry in one.entries if isinstance(entry, Lap)]
        if laps:
            assert {lap.q2 for lap in laps} == {None}
        else:
            whole = getattr(SEASON, one.table)[one.grand_prix]
            has_places = all(entry.order > 0 for entry in one.entries)
            assert len(one.entries) == len(whole) // 2 or not has_places


def test_it_goes_wrong_where_it_is_said_to() -> None:
    kinds = [disturbance.trouble for disturbance in PLAYED.disturbances]
    assert kinds == [Trouble.UNREACHABLE, Trouble.THROTTLED, Trouble.BLANK, Trouble.BLANK]
    for disturbance in PLAYED.disturbances:
        assert PLAYED.suffers(disturbance.trouble, disturbance.since)
        assert not PLAYED.suffers(disturbance.trouble, disturbance.until)


# The cache for everybody


def cache(*, others: Iterable[datetime] = (), kept: bool = True) -> SharedCache:
    moments = list(others)
    return SharedCache(max_age=HOUR, others=lambda _: moments, is_kept=lambda _address, _at: kept)


def test_an_answer_is_given_to_everybody_until_it_is_an_hour_old() -> None:
    shared = cache()
    assert shared.made_at("a", NOON) == NOON
    assert shared.made_at("a", NOON + 59 * MINUTE) == NOON
    assert shared.made_at("b", NOON + 59 * MINUTE) == NOON + 59 * MINUTE
    assert shared.made_at("a", NOON + HOUR) == NOON + HOUR


def test_what_others_asked_for_is_in_the_cache_already() -> None:
    shared = cache(others=[NOON, NOON + 10 * MINUTE, NOON + 70 * MINUTE])
    assert shared.made_at("a", NOON + 30 * MINUTE) == NOON
    assert shared.made_at("a", NOON + 80 * MINUTE) == NOON + 70 * MINUTE


def test_a_refusal_is_not_kept() -> None:
    shared = cache(kept=False)
    assert [shared.made_at("a", NOON + minutes * MINUTE) for minutes in (0, 1)] == [
        NOON,
        NOON + MINUTE,
    ]


@pytest.mark.parametrize(
    ("asked", "published_at", "let_out"),
    [
        ([], 30, 30),
        ([0], 30, 60),
        ([0], 60, 60),
        ([0], 90, 90),
        ([30], 30, 30),
        ([0, 70], 30, 60),
        ([0, 70], 80, 130),
    ],
)
def test_news_is_let_out_when_the_answer_from_before_it_is_let_go_of(
    asked: list[int], published_at: int, let_out: int
) -> None:
    """In minutes after noon."""
    shared = cache()
    for minutes in asked:
        shared.made_at("a", NOON + minutes * MINUTE)
    assert shared.let_out("a", NOON + published_at * MINUTE) == NOON + let_out * MINUTE


def test_others_ask_often_in_the_evening_of_a_race_and_alike_for_one_seed() -> None:
    address = "/ergast/f1/2024/14/results.json?limit=100"
    asks, again = (draw_clients(PLAYED, address, Random(1)) for _ in range(2))
    assert asks == again == sorted(asks)
    flag_at = next(
        one.flag_at
        for one in PLAYED.publications
        if (one.grand_prix, one.table) == ("belgium", "races")
    )
    evening = [at for at in asks if flag_at <= at < flag_at + 6 * HOUR]
    before = [at for at in asks if flag_at - 30 * HOUR <= at < flag_at - 24 * HOUR]
    assert len(evening) > 5 * max(len(before), 1)


# The stand-in that serves it


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def read(self) -> datetime:
        return self.now


def test_an_answer_from_before_is_served_with_its_own_expiry() -> None:
    first = next(
        one for one in published(Stage.FIRST) if (one.grand_prix, one.table) == ("belgium", "races")
    )
    clock = Clock(first.flag_at - 10 * MINUTE)
    with PlayedUpstream(PLAYED, clock=clock.read) as upstream, requests.Session() as session:
        address = f"{upstream.jolpica_url}/2024/14/results.json?limit=100"
        made_at = ask_at = clock.now
        answers = []
        while ask_at < first.at + 2 * HOUR:
            clock.now = ask_at
            answers.append((ask_at, session.get(address)))
            ask_at += 10 * MINUTE
    totals = [answer.json()["MRData"]["total"] for _, answer in answers]
    assert totals[0] == "0"
    assert totals[-1] == "20"
    had_at = next(at for at, answer in answers if answer.json()["MRData"]["total"] == "20")
    let_out = upstream.cache.let_out("/ergast/f1/2024/14/results.json?limit=100", first.at)
    assert let_out <= had_at < let_out + 10 * MINUTE
    assert answers[1][1].headers["Expires"] == answers[0][1].headers["Expires"]
    assert answers[1][1].headers["Date"] != answers[0][1].headers["Date"]
    assert made_at == answers[0][0]


def test_an_upstream_that_is_away_answers_503_or_not_at_all_and_forgets_nothing() -> None:
    away = next(one for one in PLAYED.disturbances if one.trouble is Trouble.UNREACHABLE)
    clock = Clock(away.since)
    with PlayedUpstream(PLAYED, clock=clock.read) as upstream, requests.Session() as session:
        address = f"{upstream.jolpica_url}/2024/1/results.json?limit=100"
        assert session.get(address).status_code == 503
        with pytest.raises(requests.ConnectionError):
            session.get(address)
        assert session.get(f"{upstream.schedule_url}schedule_2024.json").status_code == 200
        clock.now = away.until
        assert session.get(address).json()["MRData"]["total"] == "20"


def test_an_upstream_that_refuses_says_429_and_a_blank_file_is_blank() -> None:
    refused = next(one for one in PLAYED.disturbances if one.trouble is Trouble.THROTTLED)
    blank = next(one for one in PLAYED.disturbances if one.trouble is Trouble.BLANK)
    clock = Clock(refused.since)
    with PlayedUpstream(PLAYED, clock=clock.read) as upstream, requests.Session() as session:
        answer = session.get(f"{upstream.jolpica_url}/2024/1/results.json?limit=100")
        assert (answer.status_code, "Expires" in answer.headers) == (429, False)
        for at, is_blank_then in ((PLAYED.begins_at, True), (blank.since, True), (NOON, False)):
            clock.now = at
            file = session.get(f"{upstream.schedule_url}schedule_2024.json")
            assert (file.status_code, file.content == b"") == (200, is_blank_then)
        assert session.get(f"{upstream.schedule_url}schedule_2025.json").status_code == 404


def test_a_sprint_qualifying_that_is_not_there_yet_is_not_kept() -> None:
    first = next(one for one in published(Stage.FIRST) if one.table == "sprint_qualifyings")
    clock = Clock(first.at - MINUTE)
    with PlayedUpstream(PLAYED, clock=clock.read) as upstream, requests.Session() as session:
        rounds = session.get(f"{upstream.address}/f1/alpha/core/rounds/?year=2024").json()["data"]
        key = next(
            one["id"] for one in rounds if one["name"] == SEASON.grand_prix("china").race_name
        )
        address = f"{upstream.address}/f1/alpha/results/{key}/SQ/"
        assert first.grand_prix == "china"
        assert session.get(address).status_code == 500
        clock.now = first.at
        assert len(session.get(address).json()["data"]["results"]) == 20


def test_two_caches_of_one_seed_have_the_same_other_clients() -> None:
    address = "/ergast/f1/2024/qualifying.json?limit=100"
    mine, theirs = (open_cache(PLAYED).let_out(address, NOON) for _ in range(2))
    assert mine == theirs
