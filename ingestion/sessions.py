"""The one table of session kinds: whatever differs from kind to kind is a column here.

Practice and testing are no kinds: people do not pick on them. A kind more is one more row; a row
with a value missing does not import, and neither does one that refers to a kind that is not here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Self

ANY_SEASON = range(1950, 10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionKind:
    """What is particular to a kind of session. No column has a default, so that none is forgotten.

    `scored_places` is how many of the first places people pick; `is_race` tells races from
    qualifyings, where laps count instead of the finish. `usual_duration` is flag to flag with the
    usual slack, `earliest_result` the time from the start until the first possible result: the
    shortest that a session takes, and the shortest that Jolpica does; `earliest_second_source`
    the same of OpenF1: the shortest that a session takes, and half an hour. `usual_lead` is how
    long before the race it usually starts, `is_of_sprint_weekends` whether other weekends lack it.

    `held_before` are the kinds that follow it in a weekend, `same_field_as` the kind with the same
    drivers. Results exist from `results_since` on and calendars list it from `listed_since` on.

    `schedule_names` are the names in the schedule file and in the index of live timing, with the
    seasons in which they mean this kind; `fastf1_names` the names by which FastF1 tells races from
    qualifyings. `calendar_keys` are the keys in a race of Jolpica's calendar (none for the race
    itself), `ergast_endpoint` is the table of the Ergast form ('' where it has none), `newer_code`
    the code in Jolpica's newer form, `nicknames` what people also call it.
    """

    label: str
    scored_places: int
    is_race: bool
    usual_duration: timedelta
    earliest_result: timedelta
    earliest_second_source: timedelta
    usual_lead: timedelta
    usual_points: tuple[int, ...]
    is_of_sprint_weekends: bool
    held_before: tuple[str, ...]
    same_field_as: str
    results_since: int
    listed_since: int
    schedule_names: Mapping[str, range]
    fastf1_names: Mapping[str, range]
    calendar_keys: tuple[str, ...]
    ergast_endpoint: str
    newer_code: str
    nicknames: tuple[str, ...]


class SessionType(StrEnum):
    """The sessions that people can pick on, in the usual order of a weekend."""

    _value_: str
    kind: SessionKind

    def __new__(cls, value: str, kind: SessionKind | None = None) -> Self:
        if kind is None:
            raise TypeError(f"the kind of session '{value}' has no row")
        member = str.__new__(cls, value)
        member._value_ = value
        member.kind = kind
        return member

    # Three quarters of an hour, whose clock red flags stop.
    SPRINT_QUALIFYING = (
        "sprint_qualifying",
        SessionKind(
            label="Sprint Qualifying",
            scored_places=1,
            is_race=False,
            usual_duration=timedelta(minutes=75),
            earliest_result=timedelta(minutes=75),
            earliest_second_source=timedelta(minutes=75),
            usual_lead=timedelta(hours=46, minutes=30),
            usual_points=(),
            is_of_sprint_weekends=True,
            held_before=("sprint",),
            same_field_as="sprint",
            results_since=2023,
            listed_since=2023,
            schedule_names={
                "Sprint Qualifying": range(2023, ANY_SEASON.stop),
                "Sprint Shootout": range(2023, ANY_SEASON.stop),
            },
            # FastF1 takes 'Sprint Qualifying' for a race until 2023.
            fastf1_names={
                "Sprint Shootout": range(ANY_SEASON.start, 2024),
                "Sprint Qualifying": range(2024, ANY_SEASON.stop),
            },
            calendar_keys=("SprintShootout", "SprintQualifying"),
            ergast_endpoint="",
            newer_code="SQ",
            nicknames=("sq", "shootout", "sprint_shootout"),
        ),
    )
    # An hour of running within an hour and a half.
    SPRINT = (
        "sprint",
        SessionKind(
            label="Sprint",
            scored_places=3,
            is_race=True,
            usual_duration=timedelta(minutes=90),
            earliest_result=timedelta(minutes=75),
            earliest_second_source=timedelta(minutes=55),
            usual_lead=timedelta(hours=27),
            usual_points=(8, 7, 6, 5, 4, 3, 2, 1),
            is_of_sprint_weekends=True,
            held_before=("race",),
            same_field_as="sprint_qualifying",
            results_since=2021,
            listed_since=2021,
            # Until 2022 the sprint itself was called sprint qualifying (FIA Sporting Regulations
            # 2021); the qualifying of that name is from 2024 on.
            schedule_names={
                "Sprint": ANY_SEASON,
                "Sprint Qualifying": range(ANY_SEASON.start, 2023),
                "Sprint Shootout": range(ANY_SEASON.start, 2023),
            },
            fastf1_names={"Sprint": ANY_SEASON},
            calendar_keys=("Sprint",),
            ergast_endpoint="sprint",
            newer_code="SR",
            nicknames=(),
        ),
    )
    # An hour, whose clock red flags stop. Until 2005 no calendar lists it.
    QUALIFYING = (
        "qualifying",
        SessionKind(
            label="Qualifying",
            scored_places=1,
            is_race=False,
            usual_duration=timedelta(minutes=90),
            earliest_result=timedelta(minutes=90),
            earliest_second_source=timedelta(minutes=90),
            usual_lead=timedelta(hours=23),
            usual_points=(),
            is_of_sprint_weekends=False,
            held_before=("race",),
            same_field_as="race",
            results_since=1994,
            listed_since=2006,
            schedule_names={"Qualifying": ANY_SEASON},
            fastf1_names={"Qualifying": ANY_SEASON},
            calendar_keys=("Qualifying",),
            ergast_endpoint="qualifying",
            newer_code="Q",
            nicknames=(),
        ),
    )
    # Two hours of running within three (FIA Formula One Sporting Regulations, article 5.4).
    RACE = (
        "race",
        SessionKind(
            label="Race",
            scored_places=3,
            is_race=True,
            usual_duration=timedelta(hours=3),
            earliest_result=timedelta(hours=2),
            earliest_second_source=timedelta(minutes=105),
            usual_lead=timedelta(0),
            usual_points=(25, 18, 15, 12, 10, 8, 6, 4, 2, 1),
            is_of_sprint_weekends=False,
            held_before=(),
            same_field_as="qualifying",
            results_since=1950,
            listed_since=1950,
            schedule_names={"Race": ANY_SEASON},
            fastf1_names={"Race": ANY_SEASON},
            calendar_keys=(),
            ergast_endpoint="results",
            newer_code="R",
            nicknames=(),
        ),
    )

    @property
    def label(self) -> str:
        return self.kind.label

    @property
    def partner(self) -> "SessionType":
        """The session of the weekend in which the same drivers take part."""
        return SessionType(self.kind.same_field_as)

    @property
    def followers(self) -> tuple["SessionType", ...]:
        """The sessions of a weekend that cannot start before this one."""
        return tuple(SessionType(follower) for follower in self.kind.held_before)

    def is_unlisted(self, season: int) -> bool:
        """Whether it has results in that season and is in no calendar."""
        return self.kind.results_since <= season < self.kind.listed_since


def read_session_name(season: int, name: str) -> SessionType | None:
    """The kind that the schedule file or live timing's index means; None where it is none here."""
    for session_type in SessionType:
        if season in session_type.kind.schedule_names.get(name, ()):
            return session_type
    return None


def print_fastf1_name(season: int, session_type: SessionType) -> str:
    """The name by which FastF1 knows the session in that season."""
    names = session_type.kind.fastf1_names
    return next(name for name, seasons in names.items() if season in seasons)


# What the columns' types leave open: empty values, and references of the rows to each other.
for _session_type in SessionType:
    _kind = _session_type.kind
    if not (_kind.label and _kind.newer_code and _kind.schedule_names and _kind.scored_places > 0):
        raise ValueError(f"the row of {_session_type.value} is not complete")
    if _session_type.partner.partner is not _session_type:
        raise ValueError(f"the row of {_session_type.value} has a partner that has another one")
    if _session_type in _session_type.followers:
        raise ValueError(f"the row of {_session_type.value} is held before itself")
