"""What Jolpica's dump has of a season that is over, in place of its pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingestion.errors import BadSourceData
from ingestion.pipeline.plan import CALENDARS
from ingestion.plausibility import check_calendar, is_plausible
from ingestion.records import CalendarRecord, ClassificationRecord
from ingestion.sessions import SessionType
from ingestion.sources import Classification, ClassificationQuery, JolpicaDump


@dataclass(frozen=True, slots=True)
class DumpedSeason:
    """`parts` are those that need no page: the dump has all of them that there is."""

    parts: frozenset[str] = frozenset()
    calendar: CalendarRecord | None = None
    classifications: tuple[Classification, ...] = ()
    notices: tuple[str, ...] = ()


def open_dump(dump: JolpicaDump, seasons: Sequence[int]) -> tuple[str, ...]:
    """Once a run: what is to be said of it, and of the seasons of the run that it lacks. Raises
    `SourceRateLimited`."""
    if dump.is_open:
        return ()
    notices = dump.open()
    made_at = dump.made_at
    if made_at is None:
        return notices
    lacking = [season for season in seasons if not has_season(dump, season)]
    if not lacking:
        return notices
    # '1950 to 1957, 1981 and 1982'.
    runs, first = [], lacking[0]
    for season, following in pairwise((*lacking, 0)):
        if following != season + 1:
            runs.append(f"{first}" if first == season else f"{first} to {season}")
            first = following
    *others, last = runs
    names = f"{', '.join(others)} and {last}" if others else last
    return (
        *notices,
        (
            f"Jolpica's dump of {made_at:%Y-%m-%d} has no final results of {names}; what is "
            "missing of them is requested page by page"
        ),
    )


def has_season(dump: JolpicaDump, season: int) -> bool:
    return dump.covers(season) and dump.has_results(season)


def read_dumped(
    dump: JolpicaDump, season: int, needed: frozenset[str], *, stored: Mapping[str, int]
) -> DumpedSeason:
    """The needed parts of a season, as far as an opened dump has them whole and plausible. `stored`
    are the sessions of each kind that are known to have been held."""
    if not has_season(dump, season):
        return DumpedSeason()
    try:
        calendar = dump.fetch_calendar(season).records[0]
        check_calendar(calendar)
    except BadSourceData as error:
        notice = f"Jolpica's dump: {error}; the season is requested page by page"
        return DumpedSeason(notices=(notice,))
    parts = needed & {CALENDARS}
    classifications: list[Classification] = []
    notices: list[str] = []
    for kind in reversed(SessionType):
        if kind not in needed:
            continue
        try:
            answer = dump.fetch_classifications(ClassificationQuery(season, kind))
        except BadSourceData as error:
            notices.append(f"{error}; they are requested page by page")
            continue
        # A part is of one source: what the dump has half of, a page brings whole.
        if _is_whole(dump, season, kind, answer.records, stored=stored.get(kind, 0)):
            parts |= {kind}
            classifications += answer.records
            notices += answer.notices
    return DumpedSeason(
        parts,
        calendar if CALENDARS in parts else None,
        tuple(classifications),
        tuple(notices),
    )


def _is_whole(
    dump: JolpicaDump,
    season: int,
    kind: SessionType,
    found: Sequence[Classification],
    *,
    stored: int,
) -> bool:
    """Whether each session has its classification, also one of a round that the dump lacks; of
    those that no calendar lists, which Jolpica may lack for ever, most of them."""
    plausible = sum(isinstance(one, ClassificationRecord) and is_plausible(one) for one in found)
    if kind.is_unlisted(season):
        return 2 * plausible >= dump.count_sessions(season, SessionType.RACE)
    is_held = season >= kind.kind.results_since
    held = max(dump.count_sessions(season, kind), stored) if is_held else 0
    return plausible >= held
