"""Who is picked: persons, whatever keys the upstreams give them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ingestion.records import Source

# All sources name drivers as Jolpica does, or map theirs to those that the season knows.
NAMING = Source.JOLPICA.value
# A Jolpica key, or a slug of the name.
LONGEST_KEY = 60


class DriverQuerySet(models.QuerySet["Driver"]):
    def persons(self) -> Self:
        """The drivers without those that a person found to be another one."""
        return self.filter(merged_into=None)


class Driver(models.Model):
    """A person: what `Result.driver` and the game's picks point to.

    `key` never changes: the key under which an upstream first named the driver, whatever it calls
    him later (`DriverKey`). Name and code are the latest, those of a day are on its `Result`.
    """

    key = models.CharField(_("key"), max_length=LONGEST_KEY, primary_key=True)
    name = models.CharField(_("name"), max_length=120)
    code = models.CharField(
        _("code"), max_length=4, blank=True, help_text="Three letters, e.g. VER."
    )
    born = models.DateField(
        _("born"), null=True, blank=True, help_text="Empty where no source says it."
    )
    merged_into = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="merged",
        help_text="A person found that it is the same driver; that one has the results.",
    )
    created_at = models.DateTimeField()

    objects = DriverQuerySet.as_manager()

    class Meta:
        verbose_name = _("driver")
        verbose_name_plural = _("drivers")
        default_permissions = ("view",)
        ordering = ["name", "key"]
        permissions = [("correct_driver", "Can merge and split drivers")]
        indexes = [
            # by name and date of birth, where a key is new
            models.Index(fields=["born"], name="driver_born"),
        ]

    def __str__(self) -> str:
        return self.name


class DriverKey(models.Model):
    """What a source calls a driver; with a season it is another's name there than elsewhere."""

    source = models.CharField(max_length=20)
    key = models.CharField(max_length=LONGEST_KEY)
    season = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="In this season alone; empty is in all others."
    )
    driver = models.ForeignKey(Driver, on_delete=models.PROTECT, related_name="keys")
    is_decided = models.BooleanField(
        default=False, help_text="A person said whose it is; names are not compared any more."
    )

    objects: models.Manager["DriverKey"] = models.Manager()

    class Meta:
        default_permissions = ()
        ordering = ["source", "key", "season"]
        constraints = [
            # NULLs are distinct in the second one
            models.UniqueConstraint(
                fields=["source", "key"], condition=Q(season=None), name="driver_key_once"
            ),
            models.UniqueConstraint(
                fields=["source", "key", "season"], name="driver_key_once_a_season"
            ),
        ]

    def __str__(self) -> str:
        return self.key if self.season is None else f"{self.key} in {self.season}"


class DriverChange(models.Model):
    """A merge or a split of drivers by a person: who, why, and what moved, so that it can be
    undone. `moved` has the primary keys of the results and entrants that went, and those of the
    sources' keys that went (merged) or were made for it (split). Of a merge also the
    keys that were `decided` before, the drivers `merged` into the one who went, and the
    `last_result` of that time."""

    class Kind(models.TextChoices):
        MERGED = "merged", _("merged")
        SPLIT = "split", _("split")

    kind = models.CharField(max_length=10, choices=Kind)
    driver = models.ForeignKey(
        Driver, on_delete=models.PROTECT, related_name="changes", help_text="Whose results went."
    )
    other = models.ForeignKey(
        Driver, on_delete=models.PROTECT, related_name="+", help_text="Who has them now."
    )
    moved = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    person_name = models.CharField(max_length=254)
    reason = models.TextField()
    created_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)

    objects: models.Manager["DriverChange"] = models.Manager()

    class Meta:
        default_permissions = ()
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.driver_id} {self.kind}"


def read_persons(season: int, keys: Iterable[str]) -> tuple[dict[str, Driver], frozenset[str]]:
    """Whose these keys are in a season, and of which of them a person said so; one query. A key
    that no source gave is missing, one of the season alone comes before that of all others."""
    ordered = _find_keys(season, keys)
    decided = frozenset(one.key for one in ordered if one.is_decided)
    return {one.key: one.driver for one in ordered}, decided


def _find_keys(season: int, keys: Iterable[str]) -> list[DriverKey]:
    """The season's own last, so that in a mapping it replaces that of all others."""
    found = DriverKey.objects.filter(
        Q(season=None) | Q(season=season), source=NAMING, key__in=set(keys)
    ).select_related("driver")
    return sorted(found, key=lambda one: one.season is not None)


def read_own(season: int, keys: Iterable[str]) -> dict[str, Driver]:
    """Who our keys are in a season, those of drivers who were merged or split since. A key that is
    only a source's is whose it is there. Two queries."""
    named = _find_keys(season, keys)
    persons = {one.key: one.driver for one in named}
    of_season = {one.key for one in named if one.season is not None}
    drivers = Driver.objects.select_related("merged_into").in_bulk(list(keys))
    own = {key: one.merged_into or one for key, one in drivers.items() if key not in of_season}
    return persons | own


def name_persons(
    classification: Sequence[Mapping[str, Any]], persons: Mapping[str, Driver]
) -> list[dict[str, Any]]:
    """A classification of the feed with its drivers as they are now: one may have been merged."""
    return [
        {**entry, "driver_id": persons[entry["driver_id"]].key}
        if entry.get("driver_id") in persons
        else dict(entry)
        for entry in classification
    ]
