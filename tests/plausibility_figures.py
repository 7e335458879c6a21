"""Prints how many real classifications are believed and how many damaged ones are refused:
`python -m tests.plausibility_figures`.

The sample season always, the recorded ones where they stand beside the project.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ingestion.errors import ResultsNotReady
from ingestion.plausibility import SeasonField, check_classification
from ingestion.records import ClassificationRecord
from tests.damage import Damaged, damage
from tests.odd_classifications import load_oddities
from tests.real_classifications import know, know_so_far, list_seasons, load_classifications

NOTHING = SeasonField()
WIDTH = 78

Season = Sequence[ClassificationRecord]


@dataclass
class Tally:
    """`first` are those refused even if nothing of the season were known, `costly` those believed
    with another podium or pole."""

    made: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    first: Counter[str] = field(default_factory=Counter)
    costly: Counter[str] = field(default_factory=Counter)

    def count(self, name: str, damaged: Damaged) -> None:
        believed = is_believed(damaged.classification, damaged.known)
        self.made[name] += 1
        self.refused[name] += not believed
        self.first[name] += not is_believed(damaged.classification, NOTHING)
        self.costly[name] += believed and damaged.changes_front

    def lines(self) -> Iterator[str]:
        for name in [*self.made, "all"]:
            columns = (
                sum(counter.values()) if name == "all" else counter[name]
                for counter in (self.made, self.refused, self.first, self.costly)
            )
            yield f"{name:{WIDTH}}" + "".join(f"{column:9}" for column in columns)


def is_believed(classification: ClassificationRecord, known: SeasonField) -> bool:
    try:
        check_classification(classification, known)
    except ResultsNotReady:
        return False
    return True


def count_real(season: Season) -> Counter[str]:
    """Believed with nothing known, with all that was run before, and with all of the season."""
    believed: Counter[str] = Counter()
    for index, one in enumerate(season):
        contexts = (NOTHING, know_so_far(season, index), know(one, season))
        believed[one.session_type] += all(is_believed(one, known) for known in contexts)
    return believed


def tally_damaged(seasons: Iterable[Season]) -> tuple[Tally, Tally]:
    """Those that have to be refused, and those that nobody can tell from real ones."""
    told, untold = Tally(), Tally()
    for season in seasons:
        for index, one in enumerate(season):
            for damaged in damage(one, season, know_so_far(season, index)):
                if damaged.excuse:
                    untold.count(f"{damaged.kind}: {damaged.excuse}", damaged)
                else:
                    told.count(damaged.kind, damaged)
    return told, untold


def describe(seasons: Mapping[int, Season], odd: Season) -> Iterator[str]:
    yield "Real classifications, believed of all:"
    for name, season in seasons.items():
        believed, all_of_it = count_real(season), Counter(one.session_type for one in season)
        kinds = (f"{kind} {believed[kind]} of {all_of_it[kind]}" for kind in all_of_it)
        yield f"  {name}: {', '.join(kinds)}"
    yield f"  by hand: {sum(is_believed(one, NOTHING) for one in odd)} of {len(odd)}"
    told, untold = tally_damaged(seasons.values())
    columns = f"{'made':>9}{'refused':>9}{'at once':>9}{'costly':>9}"
    yield ""
    yield f"{'Damaged, and to be refused':{WIDTH}}{columns}"
    yield from told.lines()
    yield ""
    yield f"{'Damaged, and not to be told from real ones':{WIDTH}}{columns}"
    yield from untold.lines()
    yield ""
    yield "At once: refused even as the first classification of a season."
    yield "Costly: believed, with another podium or another pole than the real one."


def main() -> None:
    seasons = {season: load_classifications(season) for season in list_seasons()}
    for line in describe(seasons, load_oddities()):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
