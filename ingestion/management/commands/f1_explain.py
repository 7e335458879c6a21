"""Tell an event's whole story from the feed."""

import json
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError
from django.utils import timezone
from rich.table import Table
from rich.text import Text

from ingestion.errors import WrongRequest
from ingestion.management.databases import explain_database
from ingestion.management.documented import DocumentedCommand
from ingestion.management.questions import find_event
from ingestion.management.tables import facts_table, open_console
from ingestion.models import Change, Event
from ingestion.story import (
    Telling,
    describe_event,
    describe_payout,
    find_made_at,
    tell_story,
)

WRONG_USAGE = 2

HELP = """\
Tell an event's whole story: what was known when, what changed, by whom or by which source, and
which classification pays.
"""

EPILOG = """\
examples:
  manage.py f1_explain 2024 belgium race
  manage.py f1_explain 2024 monza q          qualifying, by its place
  manage.py f1_explain 2024 sao paulo sprint-qualifying
  manage.py f1_explain 2024 belgium race --format json

exit codes:
  0  told
  1  the database could not be read
  2  wrong usage, no such event, or several that it could be
"""


class Command(DocumentedCommand):
    help = HELP
    epilog = EPILOG

    def add_arguments(self, parser: CommandParser) -> None:
        # All optional here, so that what is missing is said in one line as well.
        parser.add_argument("season", nargs="?", default="", help="a year")
        parser.add_argument(
            "words",
            nargs="*",
            metavar="word",
            help="a part of the grand prix's name, place or country, then the session",
        )
        parser.add_argument("--format", choices=["text", "json"], default="text")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            event = find_event(options["season"], options["words"])
            changes = list(Change.objects.filter(event=event).for_story().order_by("pk"))
            if options["format"] == "json":
                self._print_json(event, changes)
            else:
                self._print_text(event, changes)
        except WrongRequest as error:
            raise CommandError(f"{error}.", returncode=WRONG_USAGE) from error
        except DatabaseError as error:
            raise CommandError(explain_database(error)) from error

    def _print_json(self, event: Event, changes: Sequence[Change]) -> None:
        told = as_dict(event, changes)
        self.stdout.write(json.dumps(told, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder))

    def _print_text(self, event: Event, changes: Sequence[Change]) -> None:
        console = open_console(self.stdout)
        parts = [
            (str(event), facts_table(describe_event(event, timezone.now()))),
            ("Story", story_table(tell_story(changes))),
            ("Payout", facts_table(describe_payout(event))),
        ]
        for title, table in parts:
            console.print(Text(title, style="bold"))
            console.print(table)


def story_table(story: Sequence[Telling]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for telling in story:
        words = Text(telling.sentence).append(f"\nby {telling.author}", style="dim")
        table.add_row(Text(f"{telling.at:%Y-%m-%d %H:%M} UTC"), words)
    return table


def as_dict(event: Event, changes: Sequence[Change]) -> dict[str, Any]:
    return {
        "event": describe_fields(event),
        "story": [
            {
                "id": change.pk,
                "at": telling.at,
                "kind": change.kind,
                "revision": change.revision,
                "sentence": telling.sentence,
                "author": telling.author,
                "cause": change.cause,
                "run": change.run_id,
                "person": change.person and change.person.get_username(),
                "reason": change.reason,
            }
            for change, telling in zip(changes, tell_story(changes), strict=True)
        ],
        "payout": payout_fields(event),
    }


def describe_fields(event: Event) -> dict[str, Any]:
    names = (
        *("season", "grand_prix", "session_type", "name", "round_number", "country", "location"),
        *("starts_at", "start_is_estimated", "disputed_starts_at", "ends_at", "locks_at"),
        *("schedule_source", "schedule_locked", "results_state", "results_revision"),
        *("results_source", "results_locked", "proposal_rejected"),
    )
    return {
        **{name: getattr(event, name) for name in names},
        "status": event.phase(timezone.now()),
        "proposal": event.proposal_id,
    }


def payout_fields(event: Event) -> dict[str, Any] | None:
    """None where nothing pays."""
    if event.is_cancelled or not event.has_results:
        return None
    leaders = event.podium if event.is_race else event.classification[:1]
    return {
        "revision": event.results_revision,
        "state": event.results_state,
        "source": event.results_source,
        "made_at": find_made_at(event),
        "saved_at": event.results_changed_at,
        "podium" if event.is_race else "pole": [result.driver_id for result in leaders],
        "picks_count_before": event.locks_at,
    }
