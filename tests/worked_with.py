"""What people and the scheduling leave in a database: run by `manage.py shell` in a filled one."""

from datetime import timedelta

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_q.models import Schedule, Task

from ingestion.corrections import Author, correct_start, disqualify
from ingestion.models import (
    Alarm,
    CreatedRow,
    Driver,
    DriverChange,
    Entrant,
    Event,
    Poll,
    SecondOpinion,
    TaskRun,
    UpstreamClassification,
)
from tests.persons import User

# As a browser sends it.
REASON = "Underweight: disqualified.\r\nDocument 84."


def leave_traces() -> None:
    steward = create_steward()
    correct(steward)
    leave_bookkeeping(steward)
    decide_on_drivers(steward)
    edit_schedules()


def decide_on_drivers(steward: User) -> None:
    now = timezone.now()
    driver, other = Driver.objects.all()[:2]
    Entrant.objects.create(
        season=2024, grand_prix="belgian-grand-prix", driver=driver, driver_name=driver.name,
        source="person", is_locked=True, person_name="steward", reason=REASON, created_at=now,
        updated_at=now,
    )  # fmt: skip
    DriverChange.objects.create(
        kind="merged", driver=driver, other=other, moved={"results": [], "keys": []},
        person=steward, person_name="steward", reason=REASON, created_at=now, undone_at=now,
    )  # fmt: skip
    SecondOpinion.objects.create(event=Event.objects.earliest("pk"), source="openf1")


def create_steward() -> User:
    """With a permission whose id no new database would give it."""
    events = ContentType.objects.get_for_model(Event)
    Permission.objects.filter(content_type=events, codename="change_event").delete()
    permission = Permission.objects.create(
        content_type=events, codename="change_event", name="Can change event"
    )
    group = Group.objects.create(name="Stewards")
    group.permissions.add(permission)
    steward = User.objects.create_user("steward")
    steward.groups.add(group)
    steward.user_permissions.add(permission)
    return steward


def correct(steward: User) -> None:
    author = Author(person=steward, reason=REASON, now=timezone.now())
    race = Event.objects.get(grand_prix="belgian-grand-prix", session_type="race")
    assert race.winner is not None
    winner = (race.winner.driver_id, race.winner.driver_number)
    disqualify(race, winner, author, revision=race.results_revision)
    qualifying = Event.objects.get(grand_prix="belgian-grand-prix", session_type="qualifying")
    assert qualifying.starts_at is not None
    correct_start(qualifying, qualifying.starts_at + timedelta(hours=1), author)
    LogEntry.objects.create(
        user=steward,
        content_type=ContentType.objects.get_for_model(Event),
        object_id=str(race.pk),
        object_repr=str(race),
        action_flag=CHANGE,
        change_message=REASON,
    )


def leave_bookkeeping(steward: User) -> None:
    now = timezone.now()
    Alarm.objects.create(
        key="silent", severity="silent", title="-", raised_at=now, acknowledged_by=steward
    )
    Poll.objects.create(event=Event.objects.earliest("pk"), season=2024, next_at=now)
    Poll.objects.create(season=2024, next_at=now)
    UpstreamClassification.objects.create(
        event=Event.objects.earliest("pk"), classification=[{"order": 1}], seen_at=now
    )
    TaskRun.objects.create(id="1" * 32, name="f1 tick", started_at=now)
    Task.objects.create(
        id="1" * 32,
        name="f1 tick",
        func="ingestion.queue.tasks.tick",
        kwargs={"season": 2024},
        result=timedelta(microseconds=1),
        started=now,
        stopped=now,
        success=True,
    )
    Session.objects.create(session_key="1" * 32, session_data="-", expire_date=now)


def edit_schedules() -> None:
    """All but one are deleted, and stay so; that one runs less often."""
    now = timezone.now()
    Schedule.objects.all().delete()
    Schedule.objects.create(
        name="f1 tick", func="ingestion.queue.tasks.tick", minutes=7, next_run=now
    )
    for name in ("f1 tick", "f1 sweep"):
        CreatedRow.objects.update_or_create(name=name, defaults={"created_at": now})
