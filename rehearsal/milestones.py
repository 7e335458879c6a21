"""From the flag to a podium in the database: the first of any source, the official, the settled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestion.models import Change
from rehearsal.courses import Delays
from rehearsal.our_plan import Key, key_of
from rehearsal.played_season import Publication, Stage, Window
from rehearsal.second_source import SecondSource


@dataclass(frozen=True, slots=True)
class Milestones:
    """From the flag to what is in the database, of podiums: whatever came first, the official one,
    and the settled one; of what OpenF1 had first, from the moment at which it let it out."""

    first: Delays
    official: Delays
    settled: Delays
    since_let_out: Delays
    late: tuple[str, ...]


def measure(second: SecondSource, window: Window) -> Milestones:
    """By the feed: revisions have their time, and details say when one became official."""
    first, official, settled = _read_times(second)
    podiums = [
        one
        for one in window.choose(second.played.publications)
        if one.stage is Stage.FIRST and one.table in ("races", "sprints")
    ]
    since_let_out, late = [], []
    for page in _first_pages(second, window):
        key = key_of(page, second.played)
        let_out_at, saved_at = second.let_out_at(page), first.get(key)
        if saved_at is None or official.get(key, let_out_at) < let_out_at:
            # Jolpica was quicker.
            continue
        delay = max(saved_at - let_out_at, timedelta(0))
        since_let_out.append(delay)
        if delay > timedelta(minutes=10):
            late.append(" ".join(key))

    def since_flag(times: dict[Key, datetime]) -> Delays:
        keys = [(key_of(one, second.played), one.flag_at) for one in podiums]
        return Delays.of(times[key] - flag_at for key, flag_at in keys if key in times)

    return Milestones(
        since_flag(first),
        since_flag(official),
        since_flag(settled),
        Delays.of(since_let_out),
        tuple(late),
    )


def _first_pages(second: SecondSource, window: Window) -> Sequence[Publication]:
    return [
        one
        for one in second.pages
        if one.stage is Stage.FIRST
        and one.table in ("races", "sprints")
        and window.has(one.at)
        and any(weekend.grand_prix.id == one.grand_prix for weekend in window.weekends)
    ]


def _read_times(second: SecondSource) -> tuple[dict[Key, datetime], ...]:
    """When each session had its first classification, the official one and the settled one."""
    first: dict[Key, datetime] = {}
    official: dict[Key, datetime] = {}
    settled: dict[Key, datetime] = {}
    changes = Change.objects.filter(event__season=second.played.facts.year)
    for change in changes.select_related("event").order_by("pk"):
        key, after = (change.event.name, change.event.session_type), change.after
        if change.kind == Change.Kind.SETTLED:
            settled.setdefault(key, change.created_at)
        if "classification" in after and change.kind == Change.Kind.PUBLISHED:
            first.setdefault(key, change.created_at)
        is_official = str(after.get("source", "")).startswith("jolpica")
        if is_official and ("classification" in after or "results_state" in after):
            official.setdefault(key, change.created_at)
    return first, official, settled
