"""What somebody has to be told: one row per problem, from its beginning to its end."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Alarm(models.Model):
    """A problem that lasts; `key` names it, and one alarm of a key is open at a time.

    Told once when it begins and once when it is over, however many runs see it. All times are UTC.
    """

    class Kind(models.TextChoices):
        BROKEN = "broken", "we are broken"
        SILENT = "silent", "the upstream is silent"
        ATTENTION = "attention", "a person has to look"

    key = models.CharField(max_length=160)
    kind = models.CharField(max_length=10, choices=Kind)
    message = models.TextField()
    raised_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, blank=True, help_text="When somebody was told.")
    cleared_at = models.DateTimeField(null=True, blank=True)
    all_clear_told_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    class Meta:
        ordering = ["-raised_at", "-pk"]
        permissions = [("acknowledge_alarm", "Can acknowledge alarms")]
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=Q(cleared_at=None), name="alarm_open_once"
            ),
        ]
        indexes = [
            # the open ones, and those to prune
            models.Index(fields=["cleared_at"], name="alarm_cleared_at"),
        ]

    def __str__(self) -> str:
        return f"{self.key} since {self.raised_at:%Y-%m-%d %H:%M} UTC"

    @property
    def is_open(self) -> bool:
        return self.cleared_at is None
