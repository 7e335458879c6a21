"""Show the state of the installation: whether we work, and whether the upstream does."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from rich.text import Text

from ingestion.errors import WrongRequest
from ingestion.management.output import F1Command, facts_table, open_console
from ingestion.models import Alarm
from ingestion.monitoring.alerting import acknowledge, update_alarms
from ingestion.monitoring.channels import read_channels
from ingestion.monitoring.health import STATE_LABELS, State, check_health
from ingestion.monitoring.status import Fact, describe_status, read_status, status_fields

# Colours beside the text, which says the same.
STYLES = (
    (STATE_LABELS[State.OK], "bold green"),
    (STATE_LABELS[State.SILENT], "bold yellow"),
    (Alarm.Severity.BROKEN.label, "bold red"),
    (Alarm.Severity.SILENT.label, "bold yellow"),
    (Alarm.Severity.ATTENTION.label, "bold cyan"),
)

HELP = """\
Show the state of the installation: the worker, the last run, the calendars,
which results are expected, what comes next.

A silent upstream and a fault of ours are different states: only the second one
is a failure.
"""

EPILOG = """\
examples:
  manage.py f1_status
  manage.py f1_status --format json          for a monitor
  manage.py f1_status --notify               send the alarms too: from another
                                             machine's cron, so that a dead
                                             worker is noticed
  manage.py f1_status --acknowledge no-tick  a person has seen it

exit codes:
  0  we work, whether or not the upstream is silent
  1  we are broken, or the database cannot be read
  2  wrong usage, no such alarm
"""


class Command(F1Command):
    help = HELP
    epilog = EPILOG
    # Otherwise checks that fail would hide the state.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--format", choices=["text", "json"], default="text", help="of what is printed"
        )
        parser.add_argument(
            "--notify", action="store_true", help="raise, clear and send alarms as the worker does"
        )
        parser.add_argument(
            "--acknowledge",
            metavar="KEY",
            help="note that this alarm was seen, and do nothing else",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        now = timezone.now()
        key = options["acknowledge"]
        if key is not None:
            open_alarms = {alarm.key: alarm for alarm in Alarm.objects.filter(cleared_at=None)}
            if key not in open_alarms:
                known = ", ".join(open_alarms) or "none is"
                raise WrongRequest(f"no alarm '{key}' is open; open: {known}")
            is_first = acknowledge(open_alarms[key], None, now)
            self.stdout.write(f"{key}: {'acknowledged' if is_first else 'was acknowledged before'}")
            return
        health = check_health(now)
        if options["notify"]:
            # First, so that the alarms are in what is printed.
            update_alarms(health, now)
            if not read_channels():
                self.stderr.write(
                    "no message is sent: F1_ALARM_URLS is empty. Name a channel in it."
                )
        status = read_status(health)
        if options["format"] == "json":
            fields = status_fields(status)
            self.stdout.write(json.dumps(fields, indent=2, cls=DjangoJSONEncoder))
        else:
            facts = [(styled(fact), fact[1]) for fact in describe_status(status)]
            open_console(self.stdout).print(facts_table(facts))
        if health.is_broken:
            first, others = health.findings[0], len(health.findings) - 1
            raise CommandError(first.summary + (f" (and {others} more)" if others else ""))


def styled(fact: Fact) -> Text:
    label, text = fact
    # A label is translated when it is printed, so that they are compared as texts here.
    styles = {str(name): style for name, style in STYLES}
    return Text(label, style=styles.get(text if label == "state" else label, ""))
