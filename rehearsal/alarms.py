"""Which alarms a rehearsal has to raise, and which it did."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ingestion.models import Alarm, Event
from ingestion.monitoring.channels import import_apprise
from rehearsal.history import CLASSIFIED, current_name
from rehearsal.played_season import PlayedSeason, Trouble, Window
from rehearsal.second_source import SecondSource
from rehearsal.worker import BROKEN, Death, Spell

# Messages stay in this process.
OUTBOX_URL = "rehearsal://outbox"
outbox: list[str] = []

# From the end of the cause to the end of the alarm, and from there to the message about it.
CLEARED_WITHIN = timedelta(hours=1)
SENT_WITHIN = timedelta(hours=1)
NOTICED_WITHIN = timedelta(minutes=30)
# Calendars that differ by less are no matter for people.
SMALL_DISPUTE = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Expected:
    """One alarm, by the beginning of its key, raised within the time given; `is_due` where it has
    to come, otherwise it only may. Over by `until`, None: not in this rehearsal."""

    key: str
    why: str
    since: datetime
    until: datetime | None
    is_due: bool = True

    def explains(self, alarm: Alarm) -> bool:
        return (
            alarm.key.startswith(self.key)
            and alarm.raised_at >= self.since
            and (self.until is None or alarm.raised_at <= self.until)
        )


@dataclass(slots=True)
class AlarmTally:
    """`raised` has each alarm with what explains it; '' where nothing does."""

    raised: list[tuple[Alarm, str]] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    mails: int = 0
    dead_worker_noticed_after: timedelta | None = None


def open_outbox() -> None:
    """Empty, and known to Apprise, which takes an address of one's own once in a process."""
    outbox.clear()
    apprise = import_apprise()
    if not apprise.Apprise().add(OUTBOX_URL):
        apprise.decorators.notify(on="rehearsal")(keep_message)


def keep_message(body: str, title: str, *_: object, **__: object) -> bool:
    outbox.append(f"{title}\n{body}")
    return True


def tally_alarms(
    second: SecondSource, window: Window, death: Death | None, spells: Sequence[Spell]
) -> AlarmTally:
    alarms = list(Alarm.objects.order_by("raised_at", "pk"))
    tally = AlarmTally(mails=len(outbox))
    expected = list(expect_alarms(second, window))
    for alarm in alarms:
        why = next((one.why for one in expected if one.explains(alarm)), "")
        tally.raised.append((alarm, why))
        if not why:
            tally.false.append(f"{alarm.key} at {alarm.raised_at:%Y-%m-%d %H:%M}")
    for one in expected:
        found = [alarm for alarm in alarms if one.explains(alarm)]
        tally.false += [f"{alarm.key} again: {one.why}" for alarm in found[1:]]
        if not found:
            if one.is_due:
                tally.missing.append(f"{one.key}: {one.why}")
            continue
        first = found[0]
        if first.notified_at is None:
            tally.missing.append(f"{one.key}: no message")
        ends_by = one.until and one.until + CLEARED_WITHIN + SENT_WITHIN
        is_cleared = first.cleared_at is not None and first.all_clear_sent_at is not None
        if ends_by is not None and ends_by < window.ends_at and not is_cleared:
            tally.missing.append(f"{one.key}: no all-clear")
    _check_health(tally, death, spells)
    return tally


def expect_alarms(second: SecondSource, window: Window) -> Iterator[Expected]:
    played = second.played
    for disturbance in played.disturbances:
        is_within = window.has(disturbance.since) and window.has(disturbance.until)
        if is_within and disturbance.trouble is not Trouble.BLANK:
            is_due = disturbance.trouble is Trouble.UNREACHABLE
            why = disturbance.trouble.value
            yield Expected("upstream-silent", why, disturbance.since, disturbance.until, is_due)
    yield from _expect_disputes(played, window)
    for amendment, until in second.list_disputes():
        if window.has(amendment.at):
            weekend = played.facts.grand_prix(amendment.grand_prix)
            slug = Event.objects.filter(name=weekend.name).values_list("grand_prix", flat=True)
            key = f"disputed-result:{played.facts.year}-{slug.first()}"
            why = "OpenF1 was corrected by hand later than Jolpica"
            yield Expected(key, why, amendment.at, until, is_due=False)


def _expect_disputes(played: PlayedSeason, window: Window) -> Iterator[Expected]:
    """While the calendars differ by hours about a session that is to come."""
    published = sorted({move.published_at for move in played.moves})
    for weekend in played.facts.jolpica_calendar or ():
        # From when to when, for each session and each version of the file.
        spans = [
            (at, start)
            for at in published
            for session in played.schedule_at(at).grand_prix(weekend.id).sessions
            for name in [current_name(session.name)]
            for start, other in [(session.starts_at, weekend.starts_at(name))]
            if name in CLASSIFIED.values() and start and other
            if start > at and abs(start - other) >= SMALL_DISPUTE
        ]
        if not spans:
            continue
        since, until = min(at for at, _ in spans), max(end for _, end in spans)
        if since < window.ends_at and until > window.begins_at:
            slug = Event.objects.filter(name=weekend.name).values_list("grand_prix", flat=True)
            key = f"disputed-start:{played.facts.year}-{slug.first()}"
            why = "the calendars disagree by hours"
            yield Expected(key, why, max(since, window.begins_at), until)


def _check_health(tally: AlarmTally, death: Death | None, spells: Sequence[Spell]) -> None:
    """A dead worker raises no alarm: /healthz has to report it, in one spell."""
    broken = [spell for spell in spells if spell.state == BROKEN]
    known = [spell for spell in broken if death is not None and death.holds(spell.first)]
    others = [spell for spell in broken if spell not in known[:1]]
    tally.false += [f"/healthz broken at {one.first:%Y-%m-%d %H:%M}" for one in others]
    if death is None:
        return
    if not known or known[0].first - death.since > NOTICED_WITHIN:
        tally.missing.append("/healthz: the dead worker")
    if known:
        tally.dead_worker_noticed_after = known[0].first - death.since
        if known[0].last > death.until:
            tally.missing.append("/healthz: that the worker is back")
