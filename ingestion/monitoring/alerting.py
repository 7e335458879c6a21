"""Notifies people of what `check_health` found: one alarm per problem, from beginning to end.

The first message goes out as soon as an alarm is raised; the delay that keeps a flapping upstream
quiet is part of what counts as a finding. The all-clear waits a little: a problem that is back by
then was never over, and no message is sent. One that comes back after its all-clear is announced
again at once, because people now rely on its being over.
"""

import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from ingestion.models import Alarm
from ingestion.monitoring.channels import Channel, Delivery, Message, clean_line, read_channels
from ingestion.monitoring.facts import print_instant
from ingestion.monitoring.health import Finding, Health

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

SENDER = "F1 Picks"
ALL_CLEAR_AFTER = timedelta(minutes=15)
# A message that reached no channel for so long is history.
ALL_CLEAR_UNTIL = timedelta(days=1)


def update_alarms(
    health: Health, now: datetime, *, channels: Sequence[Channel] | None = None
) -> int:
    """Raise and clear alarms by what was found and send the messages that are due: how many reached
    a channel. What could not be delivered is sent again at the next call.

    Any number of processes may do it at once: each message is sent by one of them.
    """
    _raise_alarms(health.findings, now)
    clear_alarms(health, now)
    delivery = Delivery(read_channels() if channels is None else channels)
    if not delivery.channels:
        return 0
    beginnings = Alarm.objects.filter(cleared_at=None, notified_at=None, acknowledged_at=None)
    ends = Alarm.objects.filter(
        notified_at__isnull=False,
        all_clear_sent_at=None,
        cleared_at__lte=now - ALL_CLEAR_AFTER,
        cleared_at__gt=now - ALL_CLEAR_UNTIL,
    )
    # Before the new ones: what these miss waits for the next round.
    _send_again(delivery, now)
    sent = _send_each(delivery, beginnings, "notified_at", describe_beginning, now)
    return sent + _send_each(delivery, ends, "all_clear_sent_at", describe_end, now)


def clear_alarms(health: Health, now: datetime) -> None:
    """End those that are not found any more; their all-clear is sent with the next
    `update_alarms`."""
    # Not what another process raised since we looked.
    over = Alarm.objects.filter(cleared_at=None, raised_at__lte=health.at).exclude(
        key__in=[finding.key for finding in health.findings]
    )
    if cleared := over.update(cleared_at=now):
        logger.info("alarms cleared", extra={"alarms": cleared})


def acknowledge(alarm: Alarm, person: "User | None", now: datetime) -> bool:
    """Record that a person has seen it (None: at a command line); whether they were the first. What
    was not delivered yet is not sent any more; the all-clear still is."""
    unseen = Alarm.objects.filter(pk=alarm.pk, cleared_at=None, acknowledged_at=None)
    is_first = unseen.update(acknowledged_at=now, acknowledged_by=person) == 1
    alarm.refresh_from_db()
    return is_first


def send_test_message(
    now: datetime, *, channels: Sequence[Channel] | None = None
) -> dict[str, str]:
    """Send one to each channel; why it failed by channel, nothing where all is well."""
    delivery = Delivery(read_channels() if channels is None else channels)
    text = f"This is a test of {print_instant(now)}: alarms arrive here. Nothing is wrong."
    delivery.send(Message(f"{SENDER}: test message", text))
    return delivery.failures


def describe_beginning(alarm: Alarm) -> Message:
    text = (
        f"{alarm.title}.\n{alarm.advice}\n\n"
        f"Noticed at {print_instant(alarm.raised_at)}. Another message follows when it is over.\n"
        "To say that you have seen it: "
        f"python manage.py f1_status --acknowledge {alarm.key}"
    )
    severity = Alarm.Severity(alarm.severity)
    return Message(f"{SENDER}: {severity.label}: {alarm.title}", text, severity)


def describe_end(alarm: Alarm) -> Message:
    over = print_instant(alarm.cleared_at) if alarm.cleared_at is not None else "now"
    text = (
        f"{alarm.title}: over since {over}. "
        f"It was noticed at {print_instant(alarm.raised_at)}. There is nothing left to do."
    )
    return Message(f"{SENDER}: over: {alarm.title}", text)


def _raise_alarms(findings: Sequence[Finding], now: datetime) -> None:
    by_key = {finding.key: finding for finding in findings}
    known = set()
    for alarm in Alarm.objects.filter(key__in=by_key, cleared_at=None):
        known.add(alarm.key)
        finding = by_key[alarm.key]
        changes: dict[str, Any] = {
            "severity": finding.severity,
            "title": clean_line(finding.title),
            "advice": finding.advice,
        }
        if all(getattr(alarm, name) == value for name, value in changes.items()):
            continue
        # A problem that was the upstream's and turns out to be ours is announced again. Otherwise
        # what is said of it is replaced without a message.
        if finding.severity is Alarm.Severity.BROKEN and alarm.severity != finding.severity:
            changes |= {"notified_at": None, "acknowledged_at": None, "acknowledged_by": None}
        Alarm.objects.filter(pk=alarm.pk, severity=alarm.severity).update(**changes)
    # Cleared, with no all-clear sent: to the people notified they go on.
    unfinished = Alarm.objects.filter(
        key__in=by_key.keys() - known,
        notified_at__isnull=False,
        all_clear_sent_at=None,
        cleared_at__gt=now - ALL_CLEAR_UNTIL,
    )
    newest = {alarm.key: alarm.pk for alarm in unfinished.order_by("cleared_at", "pk")}
    for key, pk in newest.items():
        known.add(key)
        # Another process may raise it anew in this moment: then that one is the open one.
        with contextlib.suppress(IntegrityError), transaction.atomic():
            Alarm.objects.filter(pk=pk, all_clear_sent_at=None).update(cleared_at=None)
    raised = [
        Alarm(
            key=finding.key,
            severity=finding.severity,
            title=clean_line(finding.title),
            advice=finding.advice,
            raised_at=now,
        )
        for finding in findings
        if finding.key not in known
    ]
    # Another process may have raised it in this moment: the constraint keeps one.
    Alarm.objects.bulk_create(raised, ignore_conflicts=True)
    for alarm in raised:
        logger.warning("alarm raised", extra={"key": alarm.key, "severity": alarm.severity})


def _send_each(
    delivery: Delivery,
    alarms: QuerySet[Alarm],
    column: str,
    describe: Callable[[Alarm], Message],
    now: datetime,
) -> int:
    """The process that is the first to write `column` sends the message, and takes that back where
    it reached no channel at all."""
    sent = 0
    for alarm in alarms.order_by("pk"):
        if not alarms.filter(pk=alarm.pk).update(**{column: now}):
            continue
        changes: dict[str, Any] = {column: None}
        try:
            missed = delivery.send(describe(alarm))
            if len(missed) < len(delivery.channels):
                changes = {"missed_channels": missed}
                sent += 1
        finally:
            Alarm.objects.filter(pk=alarm.pk, **{column: now}).update(**changes)
    return sent


def _send_again(delivery: Delivery, now: datetime) -> None:
    """Send to the channels that the last message of an alarm has not reached yet."""
    for alarm in Alarm.objects.exclude(missed_channels=[]).order_by("pk"):
        is_over = alarm.all_clear_sent_at is not None
        is_late = is_over and now - alarm.all_clear_sent_at >= ALL_CLEAR_UNTIL  # type: ignore[operator]
        is_seen = alarm.acknowledged_at is not None and not is_over
        if alarm.cleared_at is not None and not is_over:
            # Its all-clear goes to every channel.
            continue
        missed = alarm.missed_channels
        taken = Alarm.objects.filter(pk=alarm.pk, missed_channels=missed)
        if not taken.update(missed_channels=[]) or is_seen or is_late:
            continue
        message = describe_end(alarm) if is_over else describe_beginning(alarm)
        still_missed = delivery.send(message, names=missed)
        if still_missed:
            Alarm.objects.filter(pk=alarm.pk).update(missed_channels=still_missed)
