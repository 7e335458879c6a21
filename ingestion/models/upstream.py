"""What the upstream says where it is not what counts."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from ingestion.models.drivers import name_persons, read_own
from ingestion.models.events import Event


class UpstreamClassification(models.Model):
    """The upstream's classification of an event whose own is a person's, to be shown beside it
    until that is released; written only where it says something new.

    It touches no event and concerns no scorer: that is what the person's lock is for.
    """

    event = models.OneToOneField(
        Event, on_delete=models.CASCADE, related_name="upstream_classification"
    )
    classification = models.JSONField(
        encoder=DjangoJSONEncoder, help_text="Its entries in order, as the feed keeps them."
    )
    source = models.CharField(max_length=20)
    generated_at = models.DateTimeField(
        null=True, blank=True, help_text="When the upstream made it, UTC."
    )
    seen_at = models.DateTimeField(help_text="When it was first seen, UTC.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.event_id} by {self.source}"


class SecondOpinion(models.Model):
    """What the second source says of an event, to be shown beside what counts. It changes neither
    the classification nor a start."""

    event = models.OneToOneField(Event, on_delete=models.CASCADE, related_name="second_opinion")
    source = models.CharField(max_length=20)
    classification = models.JSONField(
        null=True,
        blank=True,
        encoder=DjangoJSONEncoder,
        help_text="Its entries in order, as the feed keeps them; empty where it has none.",
    )
    generated_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When OpenF1 made it, UTC. Written when the opinion changes or a dispute starts "
        "or ends; an unchanged answer leaves it.",
    )
    disputed_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Since when it says otherwise of what is picked than a published classification "
        "that is older, UTC.",
    )
    starts_at = models.DateTimeField(
        null=True, blank=True, help_text="Its start where that is another than ours, UTC."
    )
    is_cancelled = models.BooleanField(
        default=False, help_text="It has it as cancelled, and our calendars do not."
    )

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.event_id} by {self.source}"


def name_kept_drivers(events: Iterable[Event], *, classified: set[str]) -> None:
    """Name the drivers as they are now, in memory alone, in what is kept of these events beside
    their results: proposals, the second source's, what a person overruled. They may have been
    merged or split since: then the season's results are another's now, so that who is
    `classified` in them needs no look. Two queries for each season where anybody else is kept."""
    by_season: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        by_season[event.season].append(event)
    for season, of_season in by_season.items():
        proposals = [event.proposal for event in of_season if event.proposal is not None]
        beside: list[Any] = [
            getattr(event, name)
            for event in of_season
            for name in ("second_opinion", "upstream_classification")
            if hasattr(event, name) and getattr(event, name).classification
        ]
        kept = [proposal.after["classification"] for proposal in proposals]
        kept += [one.classification for one in beside]
        keys = {entry.get("driver_id", "") for entries in kept for entry in entries}
        if keys <= classified:
            continue
        persons = read_own(season, keys)
        for proposal in proposals:
            proposal.after["classification"] = name_persons(
                proposal.after["classification"], persons
            )
        for one in beside:
            one.classification = name_persons(one.classification, persons)
