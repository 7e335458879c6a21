"""What the rest of the monolith trusts: sessions and their classifications."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import BooleanField, Exists, ExpressionWrapper, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from ingestion.lifecycle import SEASON_COOLS_DOWN, is_over, results_from, status_at
from ingestion.models.drivers import Driver
from ingestion.models.entrants import Entrant, EntrantQuerySet
from ingestion.records import RESULT_FIELDS, Source, StoredEvent
from ingestion.sessions import SessionType

# To be translated. The table of kinds itself imports without Django.
LABELS = (_("Sprint Qualifying"), _("Sprint"), _("Qualifying"), _("Race"))
SESSION_TYPES = [(one.value, _(one.label)) for one in SessionType]

if TYPE_CHECKING:
    from ingestion.models.requests import Poll

# When a result that is not there is late, after the session's end.
OVERDUE_AFTER = timedelta(days=1)


def find_published(polls: "Iterable[Poll]") -> "Poll | None":
    """The poll of a source that publishes results; of several the one that was requested last."""
    published = (poll for poll in polls if Source(poll.source).is_published)
    never = datetime.min.replace(tzinfo=UTC)
    return max(published, key=lambda poll: poll.requested_at or never, default=None)


class EventQuerySet(models.QuerySet["Event"]):
    def for_season(self, season: int) -> Self:
        """A season's events in the order of their starts, unknown ones last."""
        # Said explicitly: SQLite has NULLs first and PostgreSQL last.
        return self.filter(season=season).order_by(F("starts_at").asc(nulls_last=True), "pk")

    def upcoming(self, now: datetime) -> Self:
        """What has not begun at `now`, soonest first; sessions without a known start are not in."""
        return (
            self.exclude(status=Event.Status.CANCELLED)
            .filter(starts_at__gt=now)
            .order_by("starts_at", "pk")
        )

    def open_for_picks(self, now: datetime) -> Self:
        """What can be picked on at `now`, what closes first at the front."""
        return self.filter(status=Event.Status.SCHEDULED, locks_at__gt=now).order_by(
            "locks_at", "pk"
        )

    def next_lock(self, now: datetime) -> datetime | None:
        """When the first of what is open for picks at `now` closes (UTC); None where nothing is."""
        return self.open_for_picks(now).values_list("locks_at", flat=True).first()

    def awaiting_results(self, now: datetime) -> Self:
        """What should be over at `now` and has no classification yet, oldest first."""
        return (
            self.exclude(status=Event.Status.CANCELLED)
            .filter(results_state=Event.ResultsState.PENDING, ends_at__lte=now)
            .order_by("ends_at", "pk")
        )

    def current_season(self, now: datetime) -> int:
        """That of the last event, while news of it may come any hour, or of the next one; else of
        the last that is known, else the calendar year."""
        # The next season's calendar may be out before the last race of this one.
        near = self.exclude(status=Event.Status.CANCELLED).filter(
            ends_at__gt=now - SEASON_COOLS_DOWN
        )
        season = near.order_by("ends_at", "pk").values_list("season", flat=True).first()
        if season is not None:
            return season
        last = self.order_by("-season").values_list("season", flat=True).first()
        return last if last is not None else now.year

    def with_overdue(self, now: datetime, *, has_live_timing: bool = False) -> Self:
        """With `is_overdue`: whether a result should be there for a day and is not. A sprint
        qualifying's is published with the sprint's, unless live timing has it before."""
        since = now - OVERDUE_AFTER
        is_late = Q(results_revision=0, results_locked=False, ends_at__lte=since)
        is_overdue = is_late & ~Q(status=Event.Status.CANCELLED)
        if not has_live_timing:
            sprints = Event.objects.filter(session_type=SessionType.SPRINT, ends_at__gt=since)
            of_weekend = sprints.exclude(status=Event.Status.CANCELLED).filter(
                season=OuterRef("season"), grand_prix=OuterRef("grand_prix")
            )
            is_overdue &= ~Q(Exists(of_weekend), session_type=SessionType.SPRINT_QUALIFYING)
        return self.annotate(is_overdue=ExpressionWrapper(is_overdue, BooleanField()))

    def with_classifications(self) -> Self:
        """With every entry read in one more query, whatever the number of events: none of them
        runs a query for its podium, pole, winner or classification."""
        return self.prefetch_related("results")


class Event(models.Model):
    """One session of one grand prix that people can pick on.

    Identified by season, grand prix and session type; the round number is an attribute that a
    changed calendar may change at any time.
    """

    class Status(models.TextChoices):
        SCHEDULED = "scheduled", _("scheduled")
        LIVE = "live", _("live")
        COMPLETED = "completed", _("completed")
        CANCELLED = "cancelled", _("cancelled")

    class ResultsState(models.TextChoices):
        PENDING = "pending", _("pending")
        PROVISIONAL = "provisional", _("provisional")
        OFFICIAL = "official", _("official")
        SETTLED = "settled", _("settled")

    # Neither missing nor provisional.
    PUBLISHED_STATES = (ResultsState.OFFICIAL, ResultsState.SETTLED)

    season = models.PositiveSmallIntegerField(help_text="The championship's year.")
    grand_prix = models.SlugField(
        max_length=80, db_index=False, help_text="Stable within a season, e.g. belgian-grand-prix."
    )
    session_type = models.CharField(_("session type"), max_length=20, choices=SESSION_TYPES)
    round_number = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="As the calendar has it now; empty once off the calendar."
    )
    name = models.CharField(max_length=120, help_text="Of the grand prix.")
    official_name = models.CharField(max_length=200, blank=True)
    country = models.CharField(max_length=80, blank=True)
    location = models.CharField(max_length=80, blank=True)
    starts_at = models.DateTimeField(null=True, blank=True, help_text="UTC; empty while unknown.")
    start_is_estimated = models.BooleanField(
        default=False, help_text="Only the day is known; the start is that day's midnight in UTC."
    )
    utc_offset = models.DurationField(
        null=True, blank=True, help_text="The circuit's local time less UTC."
    )
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Expected, UTC.")
    locks_at = models.DateTimeField(null=True, blank=True, help_text="When picks close, UTC.")
    picks_until = models.DateTimeField(
        null=True, blank=True, help_text="Set by a person: when picks close, before the start."
    )
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.SCHEDULED)
    schedule_source = models.CharField(
        max_length=20, blank=True, help_text="The calendar, or person, that the start comes from."
    )
    schedule_generated_at = models.DateTimeField(
        null=True, blank=True, help_text="When that calendar was made, UTC, as far as it says."
    )
    disputed_starts_at = models.DateTimeField(
        null=True, blank=True, help_text="What the other calendar says of the start, UTC."
    )
    disputed_generated_at = models.DateTimeField(
        null=True, blank=True, help_text="When the other calendar was made that changed that, UTC."
    )
    schedule_locked = models.BooleanField(
        default=False, help_text="A person set the start or the status; ingests only compare."
    )
    results_state = models.CharField(
        _("results state"), max_length=12, choices=ResultsState, default=ResultsState.PENDING
    )
    results_revision = models.PositiveIntegerField(
        default=0,
        help_text="0, then one more with each change of order, driver or disqualification.",
    )
    results_source = models.CharField(max_length=20, blank=True)
    results_generated_at = models.DateTimeField(
        null=True, blank=True, help_text="When the upstream made the saved classification, UTC."
    )
    results_changed_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When the order was last saved as another, or became official, UTC.",
    )
    confirmed_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Since when a second source says the same of what is picked, UTC; empty where "
        "none does.",
    )
    proposal = models.ForeignKey(
        "Change",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The upstream's change of a settled podium or pole, which a person decides on.",
    )
    proposal_rejected = models.BooleanField(
        default=False, help_text="A person decided against it; the same again is not proposed."
    )
    results_locked = models.BooleanField(
        default=False, help_text="A person set the classification; ingests only compare."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        default_permissions = ("view",)
        ordering = ["season", "starts_at", "pk"]
        permissions = [("correct_event", "Can correct events and classifications")]
        constraints = [
            # Nothing that a calendar permutes: rounds are renumbered while rows stay.
            models.UniqueConstraint(
                fields=["season", "grand_prix", "session_type"], name="event_identity"
            ),
            models.CheckConstraint(condition=Q(season__gte=1950), name="event_season_since_1950"),
            models.CheckConstraint(
                condition=Q(session_type__in=[kind.value for kind in SessionType]),
                name="event_session_type_known",
            ),
            # Choices are checked by forms alone.
            models.CheckConstraint(
                condition=Q(status__in=["scheduled", "live", "completed", "cancelled"]),
                name="event_status_known",
            ),
            models.CheckConstraint(
                condition=Q(results_state__in=["pending", "provisional", "official", "settled"]),
                name="event_results_state_known",
            ),
            models.CheckConstraint(
                condition=Q(results_revision=0, results_state="pending")
                | Q(results_revision__gt=0) & ~Q(results_state="pending"),
                name="event_revision_fits_state",
            ),
        ]
        indexes = [
            # for upcoming, and the next event that decides the current season
            models.Index(fields=["starts_at"], name="event_starts_at"),
            # for awaiting_results
            models.Index(fields=["results_state", "ends_at"], name="event_awaiting"),
            # for a tick: the sessions of the last year
            models.Index(fields=["ends_at"], name="event_ends_at"),
            # whose status the clock can still change
            models.Index(
                fields=["status"],
                condition=Q(status__in=["scheduled", "live"]),
                name="event_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.season} {self.name} {self.get_session_type_display()}"

    @property
    def classification(self) -> "Sequence[Result]":
        """Every entry in order; one query, or none after `with_classifications`."""
        # Not by the query, which would be another one than the prefetched.
        return sorted(self.results.all(), key=lambda result: result.order)

    @property
    def podium(self) -> "Sequence[Result]":
        """Orders 1 to 3 of a race or sprint, none of a qualifying; shared cars of the 1950s are
        entries of their own."""
        if not self.is_race:
            return []
        return [result for result in self.classification if result.order <= 3]

    @property
    def winner(self) -> "Result | None":
        """The first of a race or sprint; None of a qualifying, and before the results are in."""
        return self._first() if self.is_race else None

    @property
    def pole(self) -> "Result | None":
        """The first of a (sprint) qualifying, whatever the starting grid became (penalties); None
        of a race. Who started from slot 1 is the entry of `grid` 1 in the race."""
        return None if self.is_race else self._first()

    @property
    def entrants(self) -> EntrantQuerySet:
        """Who can be picked, teammates beside each other; nobody while no entrant is known, which
        is up to a week before the weekend's first lock, and of seasons that were filled in."""
        return Entrant.objects.of_grand_prix(self.season, self.grand_prix)

    def is_entrant(self, driver: Driver) -> bool:
        """Whether the driver can be picked; one who was merged counts as the one he is now."""
        key = driver.merged_into_id or driver.pk
        is_he = Q(driver=driver) | Q(driver=key) | Q(driver__merged_into=key)
        return self.entrants.filter(is_he).exists()

    @property
    def is_race(self) -> bool:
        return SessionType(self.session_type).kind.is_race

    @property
    def is_cancelled(self) -> bool:
        return self.status == Event.Status.CANCELLED

    @property
    def poll(self) -> "Poll | None":
        """What polling remembers of the source that publishes the results, of several the one that
        was requested last; None before the first request. No query after
        `prefetch_related("polls")`."""
        return find_published(self.polls.all())

    @property
    def is_published(self) -> bool:
        return self.results_state in Event.PUBLISHED_STATES

    @property
    def has_results(self) -> bool:
        return self.results_revision > 0

    @property
    def has_open_proposal(self) -> bool:
        return self.proposal_id is not None and not self.proposal_rejected

    @property
    def is_disputed(self) -> bool:
        """Whether a second source says otherwise of what is picked than what is published. No query
        after `select_related("second_opinion")`."""
        opinion = getattr(self, "second_opinion", None)
        is_other = opinion is not None and opinion.disputed_since is not None
        return is_other and not (self.results_locked or self.is_cancelled)

    def phase(self, at: datetime) -> str:
        """The status at an instant; the column is only as fresh as the last ingest."""
        if self.is_cancelled:
            return Event.Status.CANCELLED.value
        return status_at(
            at,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            has_results=self.has_results,
        )

    def in_time(self, made_at: datetime) -> bool:
        """Whether a pick made at that instant counts: before the lock, which no source reopens.

        The one question a scorer asks of a pick. Nothing is in time of a session whose lock is
        unknown (qualifyings of 1994 to 2005, which no calendar lists).
        """
        return self.locks_at is not None and made_at < self.locks_at

    def is_over(self, at: datetime) -> bool:
        return self.has_results or is_over(at, self.ends_at)

    def results_from(self, *, is_second: bool = False) -> datetime | None:
        """The earliest (UTC) that a published classification, or the second source's, may be
        there."""
        return results_from(
            SessionType(self.session_type),
            self.starts_at,
            self.ends_at,
            is_estimated=self.start_is_estimated,
            is_second=is_second,
        )

    def as_stored(self) -> StoredEvent:
        return StoredEvent(
            grand_prix=self.grand_prix,
            name=self.name,
            country=self.country,
            location=self.location,
            session_type=SessionType(self.session_type),
            round_number=self.round_number,
            starts_at=self.starts_at,
            utc_offset=self.utc_offset,
            disputed_starts_at=self.disputed_starts_at,
            is_cancelled=self.is_cancelled,
        )

    def _first(self) -> "Result | None":
        return next(iter(self.classification), None)


class Result(models.Model):
    """One entry in the classification of one event.

    `position` is the upstream's number and may repeat or skip; `order` counts 1..n.
    `classification` is what is printed: a number, or R retired, D disqualified, W withdrawn or
    did not start, N not classified, E excluded, F failed to qualify (Ergast's positionText).
    `grid` 0 is a start from the pit lane, or none.
    """

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="results")
    order = models.PositiveSmallIntegerField()
    position = models.PositiveSmallIntegerField()
    classification = models.CharField(max_length=4)
    driver = models.ForeignKey(Driver, on_delete=models.PROTECT, related_name="results")
    driver_number = models.PositiveSmallIntegerField(null=True, blank=True, help_text="The car's.")
    driver_code = models.CharField(max_length=4, blank=True)
    driver_name = models.CharField(max_length=120)
    constructor_id = models.CharField(max_length=60, blank=True)
    constructor_name = models.CharField(max_length=120, blank=True)
    grid = models.PositiveSmallIntegerField(null=True, blank=True)
    laps = models.PositiveSmallIntegerField(null=True, blank=True)
    points = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    status = models.CharField(max_length=60, blank=True)
    time = models.DurationField(null=True, blank=True, help_text="Of the race, lead lap only.")
    gap = models.DurationField(null=True, blank=True, help_text="To the winner, lead lap only.")
    q1 = models.DurationField(null=True, blank=True)
    q2 = models.DurationField(null=True, blank=True)
    q3 = models.DurationField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        ordering = ["event_id", "order"]
        constraints = [
            # Nothing that an amendment permutes. A driver can be listed twice in one session,
            # always in different cars (shared cars of the 1950s).
            models.UniqueConstraint(
                fields=["event", "driver", "driver_number"], name="result_identity"
            ),
            # NULLs are distinct in a unique constraint; an entry without a number is still one.
            models.UniqueConstraint(
                fields=["event", "driver"],
                condition=Q(driver_number=None),
                name="result_identity_unnumbered",
            ),
            models.CheckConstraint(condition=Q(order__gte=1), name="result_order_from_1"),
            models.CheckConstraint(condition=Q(position__gte=1), name="result_position_from_1"),
            models.CheckConstraint(
                condition=Q(points=None) | Q(points__gte=0), name="result_points_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.classification} {self.driver_name}"

    def as_entry(self) -> dict[str, Any]:
        """Its facts under the names that `ResultRecord` and the feed have for them."""
        return {name: getattr(self, name) for name in RESULT_FIELDS}
