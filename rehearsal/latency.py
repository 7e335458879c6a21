"""How long a podium takes from the flag on, by plan: a rehearsal's figures, and their plot."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from rehearsal.courses import Delays, is_first_podium, since_flag
from rehearsal.outcome import Outcome

# From the quickest to the slowest; the first is what a player sees.
FIRST = "this app: first podium, of any source"
OFFICIAL = "this app: official podium"
# In minutes, with what the axis says there.
TICKS = {
    1: "1 min",
    5: "5 min",
    15: "15 min",
    30: "30 min",
    60: "1 h",
    120: "2 h",
    360: "6 h",
    720: "12 h",
    1440: "1 day",
    2880: "2 days",
}
# Text and lines, faint lines, the app's own plans, the others. No background: it is the page's.
COLOURS = {
    "light": ("#1f2328", "#d0d7de", "#0969da", "#9a6700"),
    "dark": ("#e6edf3", "#3d444d", "#4493f8", "#d29922"),
}
MEDIAN, MOST = 50, 95


def gather_figures(outcome: Outcome) -> dict[str, Any]:
    _, *others = outcome.courses
    plans = {FIRST: outcome.milestones.first, OFFICIAL: outcome.milestones.official}
    plans |= {one.name: one.delays(since_flag, of=is_first_podium) for one in reversed(others)}
    return {
        "season": outcome.window.begins_at.year,
        "rounds": [weekend.grand_prix.round for weekend in outcome.window.weekends],
        "minutes": {
            name: [round(one / timedelta(minutes=1), 1) for one in delays.each]
            for name, delays in plans.items()
        },
    }


def read_figures(path: Path) -> dict[str, Any]:
    """Raises `ValueError` for a file that `write_plots` did not write."""
    try:
        figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        plans = [[float(one) for one in minutes] for minutes in figures["minutes"].values()]
        complete = bool(int(figures["season"]) and list(figures["rounds"]) and any(plans))
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} has no figures of a rehearsal") from error
    if not complete:
        raise ValueError(f"{path} has no podium")
    return figures


def write_plots(figures: Mapping[str, Any], path: Path) -> list[Path]:
    """The plot for light pages, one for dark pages, and the figures beside them. Raises `OSError`
    where a file cannot be written, `ValueError` for a format that matplotlib does not know."""
    dark = path.with_name(f"{path.stem}-dark{path.suffix}")
    beside = path.with_suffix(".json")
    draw(figures, path, "light")
    draw(figures, dark, "dark")
    beside.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return [path, dark, beside]


def draw(figures: Mapping[str, Any], path: Path, theme: str) -> None:
    """A row a plan, a dot a podium, on a logarithmic scale of minutes."""
    from matplotlib.figure import Figure

    text, faint, own, other = COLOURS[theme]
    plans: Mapping[str, Sequence[float]] = figures["minutes"]
    rounds, count = figures["rounds"], max(map(len, plans.values()))
    lowest = min((min(minutes) for minutes in plans.values() if minutes), default=1)
    left = max((one for one in TICKS if one <= lowest / 1.5), default=1)
    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for row, (name, minutes) in enumerate(reversed([*plans.items()])):
        colour = own if name in (FIRST, OFFICIAL) else other
        # Dots of about the same time beside each other: a fixed pattern, so that a plot is the
        # same for the same figures.
        offsets = [0.11 * (index % 5 - 2) for index in range(len(minutes))]
        times = [max(one, 1) for one in minutes]
        axes.scatter(times, [row + one for one in offsets], s=16, color=colour, alpha=0.7, lw=0)
        delays = Delays.of(timedelta(minutes=one) for one in minutes)
        median, most = delays.percentile(MEDIAN), delays.percentile(MOST)
        label = "no podium"
        if median is not None and most is not None:
            at = max(median / timedelta(minutes=1), 1)
            axes.plot([at, at], [row - 0.36, row + 0.36], color=text, lw=1.6)
            label = f"half by {print_span(median)}, 95 % by {print_span(most)}"
        axes.text(left, row + 0.4, f"{name}: {label}", color=text, fontsize=9.5, va="bottom")
    highest = max((max(minutes) for minutes in plans.values() if minutes), default=60)
    ticks = [one for one in TICKS if left <= one <= highest * 1.6]
    axes.set_xscale("log")
    axes.set_xlim(left, max(ticks[-1], highest * 1.2))
    axes.set_ylim(-0.6, len(plans) - 0.1)
    axes.set_xticks(ticks, [TICKS[one] for one in ticks], color=text, fontsize=9.5)
    axes.set_xticks([], minor=True)
    axes.set_yticks([])
    axes.grid(axis="x", color=faint, lw=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    weekends = "1 weekend" if len(rounds) == 1 else f"{len(rounds)} weekends"
    podiums = "1 podium" if count == 1 else f"{count} podiums"
    axes.set_title(
        f"From the flag to a podium in the database: {figures['season']} played, {weekends}, "
        f"{podiums}",
        color=text,
        fontsize=10.5,
        loc="left",
    )
    # Without its version: the same figures give the same file.
    metadata = {"Software": None} if path.suffix == ".png" else None
    figure.savefig(path, dpi=160, transparent=True, metadata=metadata)


def print_span(delay: timedelta) -> str:
    minutes = delay / timedelta(minutes=1)
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
