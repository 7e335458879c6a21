"""What is kept of the requests to the upstreams: the hour's budget, and polling's bookkeeping."""

from django.db import models
from django.db.models import Q

from ingestion.models.events import Event


class RequestBlock(models.Model):
    """Requests to one host set aside by one process, before they are made."""

    class Purpose(models.TextChoices):
        POLL = "poll", "poll"
        BACKFILL = "backfill", "backfill"

    host = models.CharField(max_length=255)
    purpose = models.CharField(
        max_length=8, choices=Purpose, default=Purpose.POLL, db_default=Purpose.POLL
    )
    requests = models.PositiveSmallIntegerField()
    reserved_at = models.DateTimeField()

    class Meta:
        indexes = [
            # how many were set aside for a host within the hour
            models.Index(fields=["host", "reserved_at"], name="request_block_hour"),
        ]

    def __str__(self) -> str:
        return f"{self.requests} to {self.host} at {self.reserved_at:%H:%M:%S}"


class Poll(models.Model):
    """What polling remembers of what it asks for: an event's classification or, where there is no
    event, a season's calendars. All times are UTC."""

    event = models.OneToOneField(
        Event, null=True, blank=True, on_delete=models.CASCADE, related_name="poll"
    )
    season = models.PositiveSmallIntegerField()
    asked_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(
        null=True, blank=True, help_text="When the upstream last answered, with news or without."
    )
    expires_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Until then the upstream gives the same answer to everybody (its Expires).",
    )
    next_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When to ask again; while it is being asked, when that is given up.",
    )
    failures = models.PositiveSmallIntegerField(default=0, help_text="In a row.")
    failing_since = models.DateTimeField(
        null=True, blank=True, help_text="When the first failure in the row was; empty when none."
    )
    trouble = models.TextField(blank=True, help_text="The last failure in words.")
    rounds = models.JSONField(
        default=dict,
        blank=True,
        help_text="Of the calendars: Jolpica's round numbers by grand prix, ours may differ.",
    )
    both_read_at = models.DateTimeField(
        null=True, blank=True, help_text="Of the calendars: when both were last read together."
    )
    file_digest = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="Of the calendars: what the schedule file said then, in short.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["season"], condition=Q(event=None), name="poll_of_calendars_once"
            ),
        ]

    def __str__(self) -> str:
        subject = str(self.event) if self.event is not None else f"{self.season} calendars"
        return f"{subject}: next at {self.next_at:%Y-%m-%d %H:%M}" if self.next_at else subject
