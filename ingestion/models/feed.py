"""The feed: the story of each event, which scorers read."""

from typing import Self

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from ingestion.models.events import Event
from ingestion.models.runs import IngestRun


class ChangeQuerySet(models.QuerySet["Change"]):
    def after(self, cursor: int) -> Self:
        """The feed after an id, in order; no later commit can slip in below an id seen here."""
        return self.filter(pk__gt=cursor).order_by("pk")

    def for_story(self) -> Self:
        """With all that `ingestion.story` needs to describe an entry, in one query."""
        return self.select_related("event", "run")


class Change(models.Model):
    """The feed: one row for each real change of an event or its classification, written in the
    same transaction."""

    class Kind(models.TextChoices):
        SCHEDULED = "scheduled", "scheduled"
        RESCHEDULED = "rescheduled", "rescheduled"
        CANCELLED = "cancelled", "cancelled"
        REINSTATED = "reinstated", "reinstated"
        PUBLISHED = "published", "published"
        AMENDED = "amended", "amended"
        DETAILS = "details", "details"
        SETTLED = "settled", "settled"
        PROPOSED = "proposed", "proposed"
        CORRECTED = "corrected", "corrected"
        RELEASED = "released", "released"
        VOIDED = "voided", "voided"
        CONFIRMED = "confirmed", "confirmed"
        DISPUTED = "disputed", "disputed"
        ENTERED = "entered", "entered"
        WITHDRAWN = "withdrawn", "withdrawn"

    class Cause(models.TextChoices):
        POLL = "poll", "poll"
        BACKFILL = "backfill", "backfill"
        CORRECTION = "correction", "correction"
        RELEASE = "release", "release"
        SAMPLE = "sample", "sample"

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="changes")
    kind = models.CharField(max_length=12, choices=Kind)
    revision = models.PositiveIntegerField(help_text="The event's results revision after it.")
    before = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    after = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    cause = models.CharField(max_length=12, choices=Cause)
    run = models.ForeignKey(
        IngestRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="changes"
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who did it, where it was not a run.",
    )
    person_name = models.CharField(
        max_length=254, blank=True, help_text="Theirs then; it stays when the account goes."
    )
    reason = models.TextField(blank=True, help_text="Why, as the person wrote it.")
    created_at = models.DateTimeField()

    objects = ChangeQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        ordering = ["pk"]
        constraints = [
            # a revision is published once
            models.UniqueConstraint(
                fields=["event", "revision"],
                condition=Q(kind__in=["published", "amended"]),
                name="change_revision_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} {self.kind} r{self.revision}"
