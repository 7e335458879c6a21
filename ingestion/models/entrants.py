"""Who can be picked for a grand prix."""

from datetime import timedelta
from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef

from ingestion.models.drivers import Driver


class EntrantQuerySet(models.QuerySet["Entrant"]):
    def of_grand_prix(self, season: int, grand_prix: str) -> Self:
        """The entrants with their drivers, without the withdrawn ones, teammates beside each
        other."""
        weekend = self.filter(season=season, grand_prix=grand_prix)
        # Two who were merged since are one entrant.
        same = weekend.filter(driver=OuterRef("driver__merged_into"))
        found = weekend.filter(~Exists(same), is_withdrawn=False)
        return found.select_related("driver").order_by(*TEAMS_FIRST)


# Before the first lock of a grand prix.
KNOWN_BEFORE_LOCK = timedelta(days=7)
TEAMS_FIRST = ("constructor_name", "driver_number", "driver_name")


class Entrant(models.Model):
    """A driver whom people can pick for a grand prix, in all its sessions, as far as is known: a
    source that does not list a driver takes nobody out, a person does.

    Kept from a week before the first session's lock until the last one's.
    """

    season = models.PositiveSmallIntegerField()
    grand_prix = models.SlugField(max_length=80, db_index=False)
    driver = models.ForeignKey(Driver, on_delete=models.PROTECT, related_name="entrants")
    driver_number = models.PositiveSmallIntegerField(null=True, blank=True, help_text="The car's.")
    driver_code = models.CharField(max_length=4, blank=True)
    driver_name = models.CharField(max_length=120)
    constructor_id = models.CharField(max_length=60, blank=True)
    constructor_name = models.CharField(max_length=120, blank=True)
    source = models.CharField(
        max_length=20, help_text="Of the classification that names the driver, or a person."
    )
    is_withdrawn = models.BooleanField(
        default=False, help_text="A person took the driver out: no pick on him can be made."
    )
    is_locked = models.BooleanField(
        default=False, help_text="A person decided; ingests leave it as it is."
    )
    person_name = models.CharField(max_length=254, blank=True, help_text="Who decided.")
    reason = models.TextField(blank=True, help_text="Why, as the person wrote it.")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = EntrantQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["season", "grand_prix", *TEAMS_FIRST]
        constraints = [
            models.UniqueConstraint(
                fields=["season", "grand_prix", "driver"], name="entrant_identity"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.driver_name}, {self.season} {self.grand_prix}"
