"""Say on a Thursday whether the weekend will work."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from rich.text import Text

from ingestion.management.output import F1Command, facts_table, open_console
from ingestion.monitoring.preflight import Verdict, check_weekend, is_ready

MARKS = {Verdict.OK: "✓", Verdict.WARNING: "!", Verdict.FAILS: "✗"}
STYLES = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILS: "bold red"}

HELP = """\
Say whether the coming weekend will work: the database, the worker, the
upstreams, the times and locks of its sessions, the hour's requests, and whether
alarms arrive.
"""

EPILOG = """\
examples:
  manage.py f1_preflight                    one request each to the schedule
                                            file and Jolpica, and two to OpenF1
  manage.py f1_preflight --offline          sends no request
  manage.py f1_preflight --send-test-alarm  sends a message by each channel, too

exit codes:
  0  ready, warnings included
  1  not ready
  2  wrong usage
"""


class Command(F1Command):
    help = HELP
    epilog = EPILOG
    # They are a line of the table.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--offline", action="store_true", help="send no requests")
        parser.add_argument(
            "--send-test-alarm",
            action="store_true",
            help="send a message by each channel",
        )
        parser.add_argument(
            "--format", choices=["text", "json"], default="text", help="of what is printed"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        made = check_weekend(
            timezone.now,
            is_online=not options["offline"],
            sends_test_alarm=options["send_test_alarm"],
        )
        if options["format"] == "json":
            checks = [
                {"name": check.name, "verdict": check.verdict, "summary": check.summary}
                for check in made
            ]
            self.stdout.write(json.dumps({"ready": is_ready(made), "checks": checks}, indent=2))
        else:
            lines = [
                (
                    Text(f"{MARKS[check.verdict]} {check.verdict}", style=STYLES[check.verdict]),
                    f"{check.name}: {check.summary}",
                )
                for check in made
            ]
            open_console(self.stdout).print(facts_table(lines))
        if not is_ready(made):
            failing = [check.name for check in made if check.verdict is Verdict.FAILS]
            raise CommandError(
                f"not ready: {', '.join(failing)}. Put that right and run f1_preflight again."
            )
