"""Seasons as the admin lists them."""

from django.utils.translation import gettext_lazy as _

from ingestion.models.events import Event


class Season(Event):
    """A season's events under a name of their own, for a page of their own: no table, and no
    permissions beside the events'."""

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = _("season")
        verbose_name_plural = _("seasons")
