"""Who is told of what `check_health` found: one alarm a problem, from its beginning to its end.

An alarm is told as soon as it is raised; the small delay that keeps a flapping upstream quiet is
part of what counts as a finding. Its all-clear waits a little: a problem that is back by then was
never over, and nobody hears of the pause. One that comes back after its all-clear is told again at
once: who was told that it was over would otherwise rely on it.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from ingestion.models import Alarm
from ingestion.monitoring.alarms.delivery import Channels, Courier, beat, configured_channels
from ingestion.monitoring.alarms.messages import (
    Message,
    keep_words,
    tell_all_clear,
    tell_beginning,
    tell_test,
)
from ingestion.monitoring.health import Finding, Health

if TYPE_CHECKING:
    from django.contrib.auth.models import User

__all__ = [
    "ALL_CLEAR_AFTER",
    "Channels",
    "acknowledge",
    "beat",
    "configured_channels",
    "send_test_alarm",
    "sound_alarms",
]

logger = logging.getLogger(__name__)

ALL_CLEAR_AFTER = timedelta(minutes=15)
# What nobody could be told for so long is history.
ALL_CLEAR_UNTIL = timedelta(days=1)


def sound_alarms(health: Health, now: datetime, *, channels: Channels | None = None) -> int:
    """Raise and clear alarms by what was found, and tell of what was not told yet: how many
    messages reached somebody. What cannot be delivered is tried again at the next call.

    Any number of processes may do it at once: one alarm is raised and told by one of them.
    """
    _raise_alarms(health.findings, now)
    _clear_alarms(health, now)
    return _tell(Courier(configured_channels() if channels is None else channels), now)


def acknowledge(alarm: Alarm, person: "User | None", now: datetime) -> bool:
    """Note that somebody has seen it (None: at a command line); whether they were the first. What
    was not delivered yet is not, then; the all-clear still comes."""
    seen = Alarm.objects.filter(pk=alarm.pk, cleared_at=None, acknowledged_at=None)
    is_first = seen.update(acknowledged_at=now, acknowledged_by=person) == 1
    alarm.refresh_from_db()
    return is_first


def send_test_alarm(now: datetime, *, channels: Channels | None = None) -> dict[str, str]:
    """Send one by each channel; why it failed by which, nothing where all is well."""
    courier = Courier(configured_channels() if channels is None else channels)
    courier.deliver(tell_test(now))
    return courier.failures


def _raise_alarms(findings: Sequence[Finding], now: datetime) -> None:
    by_key = {finding.key: finding for finding in findings}
    known = set()
    for alarm in Alarm.objects.filter(key__in=by_key, cleared_at=None):
        known.add(alarm.key)
        _follow_kind(alarm, by_key[alarm.key])
    for alarm in _alarms_not_over(by_key.keys() - known, now):
        if alarm.key not in known:
            known.add(alarm.key)
            _reopen(alarm)
    raised = [
        Alarm(key=finding.key, kind=finding.kind, message=keep_words(finding), raised_at=now)
        for finding in findings
        if finding.key not in known
    ]
    # Another process may have raised it in this moment: the constraint keeps one.
    Alarm.objects.bulk_create(raised, ignore_conflicts=True)
    for alarm in raised:
        logger.warning("alarm raised", extra={"key": alarm.key, "kind": alarm.kind})


def _follow_kind(alarm: Alarm, finding: Finding) -> None:
    """A problem that was the upstream's and turns out to be ours is told again."""
    if alarm.kind == finding.kind:
        return
    changes: dict[str, Any] = {"kind": finding.kind, "message": keep_words(finding)}
    if finding.kind is Alarm.Kind.BROKEN:
        changes |= {"told_at": None, "acknowledged_at": None, "acknowledged_by": None}
    Alarm.objects.filter(pk=alarm.pk, kind=alarm.kind).update(**changes)


def _alarms_not_over(keys: Iterable[str], now: datetime) -> QuerySet[Alarm]:
    """Cleared, and nobody was told so: for whoever heard of them they go on. Newest first."""
    return Alarm.objects.filter(
        key__in=keys,
        told_at__isnull=False,
        all_clear_told_at=None,
        cleared_at__gt=now - ALL_CLEAR_UNTIL,
    ).order_by("-cleared_at", "-pk")


def _reopen(alarm: Alarm) -> None:
    try:
        with transaction.atomic():
            Alarm.objects.filter(pk=alarm.pk, all_clear_told_at=None).update(cleared_at=None)
    except IntegrityError:
        # Another process raised it anew in this moment: that one is the open one.
        pass


def _clear_alarms(health: Health, now: datetime) -> None:
    """Not what another process raised since we looked."""
    over = Alarm.objects.filter(cleared_at=None, raised_at__lte=health.at).exclude(
        key__in=[finding.key for finding in health.findings]
    )
    cleared = over.update(cleared_at=now)
    if cleared:
        logger.info("alarms cleared", extra={"alarms": cleared})


def _tell(courier: Courier, now: datetime) -> int:
    beginnings = Alarm.objects.filter(cleared_at=None, told_at=None, acknowledged_at=None)
    ends = Alarm.objects.filter(
        told_at__isnull=False,
        all_clear_told_at=None,
        cleared_at__lte=now - ALL_CLEAR_AFTER,
        cleared_at__gt=now - ALL_CLEAR_UNTIL,
    )
    return _tell_each(courier, beginnings, "told_at", tell_beginning, now) + _tell_each(
        courier, ends, "all_clear_told_at", tell_all_clear, now
    )


def _tell_each(
    courier: Courier,
    alarms: QuerySet[Alarm],
    note: str,
    words: Callable[[Alarm], Message],
    now: datetime,
) -> int:
    """Whoever is the first to note in the column `note` that an alarm is told tells it, and takes
    that back where it fails."""
    told = 0
    for alarm in alarms.order_by("pk"):
        if not courier.has_a_way:
            break
        if not alarms.filter(pk=alarm.pk).update(**{note: now}):
            continue
        is_delivered = False
        try:
            is_delivered = courier.deliver(words(alarm))
        finally:
            if not is_delivered:
                Alarm.objects.filter(pk=alarm.pk, **{note: now}).update(**{note: None})
        told += is_delivered
    return told
