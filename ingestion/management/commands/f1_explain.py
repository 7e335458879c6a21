"""Print an event's whole story from the feed."""

import json
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from ingestion.database_failures import connect_database
from ingestion.management.event_lookup import find_driver, find_event
from ingestion.management.output import F1Command, as_text, facts_table, open_console
from ingestion.models import Change, Event, name_kept_drivers
from ingestion.story import (
    describe_driver,
    describe_event,
    describe_payout,
    describe_story,
    find_made_at,
)

HELP = """\
Print an event's whole story: what was known when, what changed, by whom or by
which source, and which classification is scored.
"""

EPILOG = """\
examples:
  manage.py f1_explain 2024 belgium race
  manage.py f1_explain 2024 monza q          qualifying, by its place
  manage.py f1_explain 2024 sao paulo sprint-qualifying
  manage.py f1_explain 2024 "saudi arabia" race --driver bearman
                                             since when he could be picked
  manage.py f1_explain 2024 belgium race --format json

exit codes:
  0  printed
  1  the database could not be read
  2  wrong usage, no such event, or several that it could be
"""


class Command(F1Command):
    help = HELP
    usage = "%(prog)s SEASON WORD... SESSION [options]"
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
        parser.add_argument("--driver", metavar="NAME", help="a name, a code or a key")
        parser.add_argument(
            "--format", choices=["text", "json"], default="text", help="of what is printed"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        connect_database()
        event = find_event(options["season"], options["words"])
        name_kept_drivers([event], classified={row.driver_id for row in event.classification})
        driver = find_driver(options["driver"], event) if options["driver"] else None
        changes = list(Change.objects.filter(event=event).for_story().order_by("pk"))
        if options["format"] == "json":
            fields = as_dict(event, changes)
            if driver is not None:
                fields["driver"] = dict(describe_driver(driver, event, changes))
            self.stdout.write(json.dumps(fields, indent=2, cls=DjangoJSONEncoder))
            return
        console = open_console(self.stdout)
        if driver is not None:
            console.print(as_text(f"{driver}: {event}", style="bold"))
            console.print(facts_table(describe_driver(driver, event, changes)))
            return
        story = []
        for line in describe_story(changes):
            author = as_text(f"by {line.author}", style="dim")
            sentence = as_text(line.sentence).append("\n").append_text(author)
            story.append((f"{line.at:%Y-%m-%d %H:%M} UTC", sentence))
        for title, table in (
            (str(event), facts_table(describe_event(event, timezone.now()))),
            ("Story", facts_table(story)),
            ("Payout", facts_table(describe_payout(event))),
        ):
            console.print(as_text(title, style="bold"))
            console.print(table)


def as_dict(event: Event, changes: Sequence[Change]) -> dict[str, Any]:
    names = (
        *("season", "grand_prix", "session_type", "name", "round_number", "country", "location"),
        *("starts_at", "start_is_estimated", "disputed_starts_at", "ends_at", "locks_at"),
        *("schedule_source", "schedule_locked", "results_state", "results_revision"),
        *("results_source", "results_locked", "proposal_rejected", "confirmed_at"),
    )
    return {
        "event": {
            **{name: getattr(event, name) for name in names},
            "status": event.phase(timezone.now()),
            "proposal": event.proposal_id,
        },
        "story": [
            {
                "id": change.pk,
                "at": line.at,
                "kind": change.kind,
                "revision": change.revision,
                "sentence": line.sentence,
                "author": line.author,
                "cause": change.cause,
                "run": change.run_id,
                "person": change.person_name or None,
                "reason": change.reason,
            }
            for change, line in zip(changes, describe_story(changes), strict=True)
        ],
        "payout": payout_fields(event),
    }


def payout_fields(event: Event) -> dict[str, Any] | None:
    """None where nothing is scored."""
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
