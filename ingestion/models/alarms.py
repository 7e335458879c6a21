"""Problems that a person is notified of: one row per problem, from its beginning to its end."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Alarm(models.Model):
    """A problem that lasts; `key` names it, and one alarm of a key is open at a time.

    One message when it begins and one when it is over, however many runs see it. Times are UTC.
    """

    class Severity(models.TextChoices):
        BROKEN = "broken", _("we are broken")
        SILENT = "silent", _("the upstream is silent")
        ATTENTION = "attention", _("a person has to look")

    key = models.CharField(max_length=160)
    severity = models.CharField(_("severity"), max_length=10, choices=Severity)
    title = models.TextField(_("title"), help_text="What is wrong, in one line.")
    advice = models.TextField(
        blank=True, default="", help_text="What it means for the data, and what to do next."
    )
    raised_at = models.DateTimeField()
    notified_at = models.DateTimeField(
        null=True, blank=True, help_text="When the first message reached a channel."
    )
    cleared_at = models.DateTimeField(null=True, blank=True)
    all_clear_sent_at = models.DateTimeField(null=True, blank=True)
    missed_channels = models.JSONField(
        default=list, blank=True, help_text="Channels that the last message has not reached yet."
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    class Meta:
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        default_permissions = ("view",)
        ordering = ["-raised_at", "-pk"]
        permissions = [("acknowledge_alarm", "Can acknowledge alarms")]
        constraints = [
            # two processes that raise the same at once
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

    @property
    def message(self) -> str:
        return f"{self.title}. {self.advice}".strip()
