"""What is kept of the requests to the upstreams: the hour's budget, and polling's bookkeeping."""

from django.db import models
from django.db.models import Q

from ingestion.models.events import Event
from ingestion.records import Source


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
        default_permissions = ()
        indexes = [
            # how many were set aside for a host within the hour
            models.Index(fields=["host", "reserved_at"], name="request_block_hour"),
        ]

    def __str__(self) -> str:
        return f"{self.requests} to {self.host} at {self.reserved_at:%H:%M:%S}"


class Poll(models.Model):
    """What polling remembers of one source: of an event's classification or, where there is no
    event, of a season's calendar. All times are UTC."""

    event = models.ForeignKey(
        Event, null=True, blank=True, on_delete=models.CASCADE, related_name="polls"
    )
    season = models.PositiveSmallIntegerField()
    source = models.CharField(
        max_length=20, default=Source.JOLPICA.value, help_text="Of whom it is requested."
    )
    requested_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(
        null=True, blank=True, help_text="When the source last answered, with news or without."
    )
    expires_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Until then the source gives the same answer to everybody (its Expires).",
    )
    next_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When to request it again; during a request, when that is given up.",
    )
    failures = models.PositiveSmallIntegerField(default=0, help_text="In a row.")
    failing_since = models.DateTimeField(
        null=True, blank=True, help_text="When the first failure in the row was; empty when none."
    )
    last_error = models.TextField(blank=True, help_text="The last failure, for people.")
    rounds = models.JSONField(
        default=dict,
        blank=True,
        help_text="Of a calendar: the source's round numbers by grand prix, ours may differ.",
    )
    digest = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="Of Jolpica's calendar: what the schedule file said when both were read.",
    )

    class Meta:
        default_permissions = ()
        constraints = [
            # NULLs are distinct in the first one: a calendar's rows have no event
            models.UniqueConstraint(fields=["event", "source"], name="poll_of_event_once"),
            models.UniqueConstraint(
                fields=["season", "source"], condition=Q(event=None), name="poll_of_calendar_once"
            ),
        ]

    def __str__(self) -> str:
        subject = str(self.event) if self.event is not None else f"{self.season} calendar"
        when = f", next at {self.next_at:%Y-%m-%d %H:%M}" if self.next_at else ""
        return f"{subject} of {self.source}{when}"
