"""The feed: the story of each event, which scorers read."""

from typing import Self

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ingestion.models.events import Event
from ingestion.models.runs import IngestRun


class ChangeQuerySet(models.QuerySet["Change"]):
    def after(self, cursor: int) -> Self:
        """The feed after an id, in order; no later commit can slip in below an id seen here."""
        return self.filter(pk__gt=cursor).order_by("pk")

    def for_story(self) -> Self:
        """The entries with all that `ingestion.story` needs to describe them, in one query."""
        return self.select_related("event", "run")

    def of_revisions(self) -> Self:
        """The entries whose classification became the event's own."""
        return self.filter(kind__in=REVISION_KINDS, after__has_key="classification")


class Change(models.Model):
    """The feed: one row for each real change of an event or its classification, written in the
    same transaction."""

    class Kind(models.TextChoices):
        SCHEDULED = "scheduled", _("scheduled")
        RESCHEDULED = "rescheduled", _("rescheduled")
        CANCELLED = "cancelled", _("cancelled")
        REINSTATED = "reinstated", _("reinstated")
        PUBLISHED = "published", _("published")
        AMENDED = "amended", _("amended")
        DETAILS = "details", _("details")
        SETTLED = "settled", _("settled")
        PROPOSED = "proposed", _("proposed")
        CORRECTED = "corrected", _("corrected")
        RELEASED = "released", _("released")
        VOIDED = "voided", _("voided")
        CONFIRMED = "confirmed", _("confirmed")
        DISPUTED = "disputed", _("disputed")
        ENTERED = "entered", _("entered")
        WITHDRAWN = "withdrawn", _("withdrawn")

    class Cause(models.TextChoices):
        POLL = "poll", _("poll")
        BACKFILL = "backfill", _("backfill")
        CORRECTION = "correction", _("correction")
        RELEASE = "release", _("release")
        SAMPLE = "sample", _("sample")

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="changes")
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    revision = models.PositiveIntegerField(help_text="The event's results revision after it.")
    before = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    after = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    cause = models.CharField(_("cause"), max_length=12, choices=Cause)
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
        verbose_name = _("change")
        verbose_name_plural = _("changes")
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

    @property
    def makes_revision(self) -> bool:
        """Whether the classification in `after` became the event's own."""
        return self.kind in REVISION_KINDS and "classification" in self.after


# Proposals and disputes have a classification as well, which is not the event's.
REVISION_KINDS = (Change.Kind.PUBLISHED, Change.Kind.AMENDED, Change.Kind.CORRECTED)
