"""What waits for a person: one item per problem, the same on every page and in `f1_status`.

A problem and the alarm about it are one item. Problems are looked for at this moment, so that an
item is gone once it is decided, and is there before the watch has raised its alarm.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from ingestion.models import Alarm
from ingestion.monitoring.facts import print_instant
from ingestion.monitoring.health import WORST_FIRST, Finding, Health


@dataclass(frozen=True, slots=True)
class Item:
    """`alarm` is None until the watch has raised it."""

    finding: Finding
    alarm: Alarm | None

    @property
    def is_seen(self) -> bool:
        return self.alarm is not None and self.alarm.acknowledged_at is not None

    @property
    def progress(self) -> str:
        """Who was notified of it and who has seen it; '' without an alarm."""
        alarm = self.alarm
        if alarm is None:
            return ""
        parts = [
            _("%(key)s since %(at)s") % {"key": alarm.key, "at": print_instant(alarm.raised_at)},
            _("no message sent yet"),
        ]
        if alarm.notified_at is not None:
            missed = ", ".join(alarm.missed_channels)
            parts[1] = _("message sent %(at)s") % {"at": print_instant(alarm.notified_at)}
            parts[1] += (_(" (not yet by %(missed)s)") % {"missed": missed}) if missed else ""
        if alarm.acknowledged_at is not None:
            who = alarm.acknowledged_by
            by = (_(" by %(person)s") % {"person": who.get_username()}) if who is not None else ""
            parts.append(
                _("acknowledged %(at)s%(by)s")
                % {"at": print_instant(alarm.acknowledged_at), "by": by}
            )
        return ", ".join(parts)


def read_alarms() -> list[Alarm]:
    return list(Alarm.objects.filter(cleared_at=None).select_related("acknowledged_by"))


def list_items(health: Health, alarms: Sequence[Alarm]) -> list[Item]:
    """The worst first; what no person has seen yet comes before the rest of its severity."""
    open_alarms = {alarm.key: alarm for alarm in alarms}
    items = [Item(finding, open_alarms.get(finding.key)) for finding in health.findings]
    return sorted(items, key=lambda item: (WORST_FIRST.index(item.finding.severity), item.is_seen))
