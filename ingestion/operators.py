"""The group of people who operate an installation, created once.

It begins with every permission of the app, each of which allows something in the admin. From then
on it is an administrator's: what they took out of it, or a group that they renamed or deleted, is
not put back.
"""

from django.apps import AppConfig
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db import DatabaseError, transaction
from django.utils import timezone

from ingestion.models import CreatedRow

OPERATORS = "operators"
CREATED = f"group {OPERATORS}"


def create_operators(sender: AppConfig, *, using: str, **_: object) -> None:
    """A receiver of `post_migrate`. A group of that name that the project has already is its own,
    and is given no permission."""
    try:
        with transaction.atomic(using=using):
            _row, is_new = CreatedRow.objects.using(using).get_or_create(
                name=CREATED, defaults={"created_at": timezone.now()}
            )
            groups = Group.objects.using(using)
            if not is_new or groups.filter(name=OPERATORS).exists():
                return
            # Django makes them after the same signal, perhaps later than this.
            create_permissions(sender, verbosity=0, using=using)
            ours = Permission.objects.using(using).filter(content_type__app_label=sender.label)
            groups.create(name=OPERATORS).permissions.set(ours)
    except DatabaseError:
        # Either app may be migrated without the other, or not as far as its code.
        return
