"""Ask for the sprint qualifyings, which have no endpoint in the form that FastF1 reads.

Jolpica's newer form has them, a request each; where it does not answer, the sprint's grid shows
the pole, give or take penalties.
"""

from collections.abc import Collection, Sequence

from ingestion import fetch
from ingestion.models import Event
from ingestion.pipeline.season import Gathered, SeasonRun
from ingestion.pipeline.sprint_qualifyings.asking import Asked, ask_each
from ingestion.pipeline.sprint_qualifyings.guessing import guess_poles
from ingestion.pipeline.sprint_qualifyings.weekends import (
    SPRINT_QUALIFYING,
    Weekend,
    find_weekends,
    is_due,
)
from ingestion.pipeline.wanted import Heard, Wanted, is_wanted
from ingestion.records import CalendarRecord
from ingestion.report import Problem

__all__ = ["gather_sprint_qualifyings"]

# What there is instead of an official classification.
BY_GRID = "the sprint's grid shows the pole meanwhile"
SAVED = "what is saved stays"
NOTHING = "nothing shows the pole yet"


def gather_sprint_qualifyings(
    gathered: Gathered,
    calendar: CalendarRecord | None,
    events: Sequence[Event],
    wanted: Wanted,
    run: SeasonRun,
) -> None:
    """Those that are over and may bring news; `gathered` has the other classifications already.

    A settled one is asked for again by name (its round) or with --refresh alone: each takes a
    request of its own. A guess is made only where nothing official is known.
    """
    weekends = [
        weekend
        for weekend in find_weekends(calendar, events)
        if is_wanted(wanted, SPRINT_QUALIFYING, weekend.grand_prix)
        and is_due(weekend, wanted, run)
        and not (gathered.fills_gaps and weekend.has_official)
    ]
    if not weekends:
        return
    run.listen(f"{run.season} sprint qualifying results")
    asked = Asked()
    if fetch.has_newer_form():
        with run.upstream.block(1 + len(weekends)):
            asked = ask_each(gathered, weekends, run)
    gathered.classifications += asked.official.values()
    gathered.heard += (*asked.heard, *_unasked(asked, weekends))
    guesses = guess_poles(gathered, weekends, events)
    gathered.classifications += guesses.values()
    _report(gathered, weekends, asked, guesses, run)


def _unasked(asked: Asked, weekends: Sequence[Weekend]) -> list[Heard]:
    """Of those where there is no newer form nobody can be asked: that is no news, or they would be
    due again as soon as their claim lapses."""
    slugs = {weekend.grand_prix.slug for weekend in weekends}
    return [
        Heard(SPRINT_QUALIFYING, slug) for slug in slugs.difference(asked.official, asked.errors)
    ]


def _report(
    gathered: Gathered,
    weekends: Sequence[Weekend],
    asked: Asked,
    guesses: Collection[str],
    run: SeasonRun,
) -> None:
    """Why something is not official; loudly where an old session has nothing at all."""
    told: dict[tuple[str, str, bool], list[str]] = {}
    for weekend in weekends:
        error = asked.errors.get(weekend.grand_prix.slug)
        if error is not None and error is not gathered.refusal:
            instead = _name_what_stands(weekend, guesses)
            is_loud = instead == NOTHING and weekend.is_overdue(run.now)
            what = f"{error}; {instead}", error.advice, is_loud
            told.setdefault(what, []).append(weekend.grand_prix.name)
    for (message, advice, is_loud), names in told.items():
        problem = Problem(
            f"{message}: {', '.join(names)}",
            run.season,
            session_type=SPRINT_QUALIFYING.value,
            advice=advice,
        )
        (gathered.problems if is_loud else gathered.notes).append(problem)


def _name_what_stands(weekend: Weekend, guesses: Collection[str]) -> str:
    if weekend.grand_prix.slug in guesses:
        return BY_GRID
    return NOTHING if weekend.state == Event.ResultsState.PENDING else SAVED
