"""What ran, when, and what came of it."""

from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from ingestion.report import Problem

# A run that says that it runs for longer was killed, and one that waits where it has to after the
# time that all seasons take.
LONGEST_RUN = timedelta(hours=1)
LONGEST_RUN_WITH_WAITS = timedelta(days=2)
# What is recorded for a time further ahead than this was recorded by a clock that was ahead.
CLOCK_SLACK = timedelta(minutes=1)
# To be translated; a task that was given up is named as it is.
TRIGGERS = (_("command"), _("poll"), _("schedule"), _("admin"))


class IngestRun(models.Model):
    """One run of the ingestion, written when it starts and again when it ends."""

    class Outcome(models.TextChoices):
        RUNNING = "running", _("running")
        OK = "ok", _("ok")
        PARTIAL = "partial", _("partial")
        FAILED = "failed", _("failed")

    # Beside the outcomes that are saved.
    INTERRUPTED = "interrupted"

    class Fault(models.TextChoices):
        """`NONE`: interrupted, an invalid request, or our own rate limit."""

        UPSTREAM = "upstream", _("the upstream's")
        OURS = "ours", _("ours")
        NONE = "none", _("no fault")

    trigger = models.CharField(
        _("trigger"),
        max_length=20,
        help_text="What started it: command, poll, schedule, admin; or the task that was given up.",
    )
    arguments = models.JSONField(default=dict)
    seasons = models.JSONField(default=list)
    task = models.CharField(
        max_length=32,
        blank=True,
        default="",
        db_default="",
        help_text="The queue's, if it was one.",
    )
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=8, choices=Outcome, default=Outcome.RUNNING)
    counts = models.JSONField(default=dict)
    requests = models.PositiveIntegerField(
        _("requests"), default=0, help_text="Sent to the upstreams."
    )
    fault = models.CharField(
        _("fault"),
        max_length=8,
        choices=Fault,
        blank=True,
        default="",
        db_default="",
        help_text="Whose fault its problems were, if any.",
    )
    schedule_refreshed = models.BooleanField(
        default=False,
        db_default=False,
        help_text="The calendars of each requested season were read and saved.",
    )
    clock_offset = models.DurationField(
        null=True, blank=True, help_text="This machine's clock less the upstream's, as it was seen."
    )
    problems = models.JSONField(
        default=list, help_text="Every problem: what it is about, a sentence, advice, whose fault."
    )
    notes = models.JSONField(
        default=list, help_text="Alike: what a person may want to know and is no failure."
    )

    class Meta:
        verbose_name = _("ingest run")
        verbose_name_plural = _("ingest runs")
        default_permissions = ("view",)
        ordering = ["-started_at", "-pk"]
        permissions = [("run_ingest", "Can start ingests")]
        indexes = [
            # the last run, and the runs to prune
            models.Index(fields=["-started_at"], name="ingest_run_started_at"),
            # the run of a task that a person enqueued and follows
            models.Index(fields=["task"], name="ingest_run_task"),
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M} UTC {self.outcome}"

    @property
    def started_by(self) -> str:
        """What started it, for people."""
        return str(_(self.trigger))

    @property
    def problem_list(self) -> list[Problem]:
        return [Problem.from_data(data) for data in self.problems]

    @property
    def note_list(self) -> list[Problem]:
        return [Problem.from_data(data) for data in self.notes]

    @property
    def duration(self) -> timedelta | None:
        return None if self.ended_at is None else self.ended_at - self.started_at

    def outcome_at(self, now: datetime) -> str:
        """The outcome; of a run that was killed, which could not say so, `INTERRUPTED`."""
        longest = LONGEST_RUN_WITH_WAITS if self.arguments.get("wait") else LONGEST_RUN
        is_running = self.outcome == IngestRun.Outcome.RUNNING
        # One of the future was written by a wrong clock, and is no sign that anything works.
        age = now - self.started_at
        is_killed = is_running and not -CLOCK_SLACK < age <= longest
        return IngestRun.INTERRUPTED if is_killed else self.outcome


class TaskRun(models.Model):
    """A queued task that was begun: delivered twice it runs once, and one that dies each time is
    given up. The key is the queue's identifier of the task."""

    id = models.CharField(max_length=32, primary_key=True)
    name = models.CharField(max_length=40)
    starts = models.PositiveSmallIntegerField(default=1)
    started_at = models.DateTimeField(help_text="The last time, UTC.")
    ended_at = models.DateTimeField(null=True, blank=True)
    is_given_up = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()
        indexes = [
            # the ones to prune, and those that were given up lately
            models.Index(fields=["started_at"], name="task_run_started_at"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.id}"


class CreatedRow(models.Model):
    """A declared schedule or group of people that was created once: what was deleted since stays
    so."""

    name = models.CharField(max_length=40, primary_key=True)
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
