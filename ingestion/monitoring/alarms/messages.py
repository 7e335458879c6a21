"""What an alarm says: the text for people, and the same in fields for machines."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingestion.models import Alarm
from ingestion.monitoring.health import Finding, print_instant

SENDER = "F1 Picks"


@dataclass(frozen=True, slots=True)
class Message:
    """`subject` is one line; `fields` can be JSON."""

    subject: str
    text: str
    fields: dict[str, Any]


def keep_words(finding: Finding) -> str:
    """As the alarm keeps them: the first line says what is wrong."""
    return f"{finding.title[:1].upper()}{finding.title[1:]}.\n{finding.words}"


def tell_beginning(alarm: Alarm) -> Message:
    text = (
        f"{alarm.message}\n\n"
        f"Noticed at {print_instant(alarm.raised_at)}. You will be told once more, when it is over."
        f"\nTo say that you have seen it: python manage.py f1_status --acknowledge {alarm.key}"
    )
    kind = Alarm.Kind(alarm.kind).label
    return Message(f"{SENDER}: {kind}: {_title(alarm)}", text, _fields(alarm, "raised"))


def tell_all_clear(alarm: Alarm) -> Message:
    over = print_instant(alarm.cleared_at) if alarm.cleared_at is not None else "now"
    text = (
        f"{_title(alarm)}: this is over since {over}. "
        f"It was noticed at {print_instant(alarm.raised_at)}. Nothing is left to do."
    )
    return Message(f"{SENDER}: over: {_title(alarm)}", text, _fields(alarm, "cleared"))


def tell_test(now: datetime) -> Message:
    text = f"This is a test of {print_instant(now)}: alarms arrive here. Nothing is wrong."
    return Message(f"{SENDER}: a test alarm", text, {"what": "test"})


def _title(alarm: Alarm) -> str:
    return alarm.message.partition("\n")[0].rstrip(".")


def _fields(alarm: Alarm, what: str) -> dict[str, Any]:
    cleared_at = alarm.cleared_at.isoformat() if alarm.cleared_at is not None else None
    return {
        "what": what,
        "key": alarm.key,
        "kind": alarm.kind,
        "message": alarm.message,
        "raised_at": alarm.raised_at.isoformat(),
        "cleared_at": cleared_at,
    }
