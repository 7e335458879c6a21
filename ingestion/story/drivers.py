"""One driver in one event: since when he could be picked, by whom, and where he finished."""

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ingestion.models import Change, Driver, Event
from ingestion.story.changes import describe_author
from ingestion.story.events import Fact
from ingestion.story.printing import print_instant, print_source

ENTRIES = {
    Change.Kind.ENTERED.value: gettext_lazy("could be picked"),
    Change.Kind.WITHDRAWN.value: gettext_lazy("could not be picked any more"),
}


def describe_driver(driver: Driver, event: Event, changes: Sequence[Change]) -> list[Fact]:
    """`changes` are the event's story. What is not known is said."""
    keys = {driver.key, *(other.key for other in driver.merged.all())}
    born = (_(", born %(born)s") % {"born": driver.born}) if driver.born is not None else ""
    entries = []
    for change in (change for change in changes if change.kind in ENTRIES):
        for listed in change.after.get("entrants", ()):
            if listed["driver_id"] not in keys:
                continue
            by = describe_author(change)
            if not change.person_name:
                by = f"{print_source(listed['source'])}, {by}"
            entries.append(
                _("%(what)s from %(at)s, by %(by)s")
                % {"what": ENTRIES[change.kind], "at": print_instant(change.created_at), "by": by}
            )
    return [
        (_("driver"), f"{driver.name} ({driver.key}){born}"),
        (_("entrant"), "; ".join(entries) or _("not entered for this grand prix")),
        (_("first named"), _describe_first(changes, keys)),
        (_("result"), _describe_result(driver, event)),
    ]


def _describe_first(changes: Sequence[Change], keys: set[str]) -> str:
    """When a classification of this event first named the driver."""
    for change in changes:
        if not change.makes_revision:
            continue
        if keys & {entry["driver_id"] for entry in change.after["classification"]}:
            at = print_instant(change.created_at)
            return _("at %(at)s in revision %(revision)s, by %(author)s") % {
                "at": at,
                "revision": change.revision,
                "author": describe_author(change),
            }
    return _("in no classification of this event")


def _describe_result(driver: Driver, event: Event) -> str:
    entries = [entry for entry in event.classification if entry.driver_id == driver.key]
    if not entries:
        return _("not classified") if event.has_results else _("the classification is not in yet")
    return "; ".join(
        (
            _(
                "%(classification)s of %(count)s (order %(order)s) in car "
                "%(driver_number)s of %(constructor_name)s"
            )
            % {
                "classification": entry.classification,
                "count": len(event.classification),
                "order": entry.order,
                "driver_number": entry.driver_number,
                "constructor_name": entry.constructor_name,
            }
        )
        + (f", {entry.status}" if entry.status else "")
        for entry in entries
    )
