"""What a run writes beside its facts is tried again where the database refuses it for a moment."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from ingestion.budget import Budget
from ingestion.database_failures import retried
from ingestion.models import IngestRun, RequestBlock
from tests.command_line import small_upstream  # noqa: F401
from tests.ticking import World, world  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)


class SerializationError(Exception):
    sqlstate = "40001"


class RefusesOnce:
    """The database's first answer to a statement that begins like this."""

    def __init__(self, begin: str) -> None:
        self.begin = begin
        self.refused = 0

    def __call__(self, execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if sql.startswith(self.begin) and not self.refused:
            self.refused += 1
            raise OperationalError from SerializationError()
        return execute(sql, *arguments)


@retried
def reserve_and_break_off() -> None:
    """What Django leaves behind where a connection fails between a commit and its end."""
    left = connection.autocommit
    with transaction.atomic():
        RequestBlock.objects.create(host="localhost", requests=1, reserved_at=timezone.now())
    if left and RequestBlock.objects.count() == 1:
        connection.set_autocommit(False)
        raise OperationalError from SerializationError()


def test_what_is_tried_again_is_committed() -> None:
    reserve_and_break_off()
    connection.close()
    assert RequestBlock.objects.count() == 2


@pytest.mark.parametrize("statement", ["INSERT INTO", "UPDATE"])
def test_record_of_a_run_is_written_again(world: World, statement: str) -> None:  # noqa: F811
    refusal = RefusesOnce(f'{statement} "ingestion_ingestrun"')
    with connection.execute_wrapper(refusal):
        world.refresh_schedule()
    assert refusal.refused == 1
    assert IngestRun.objects.get().outcome == "ok"


def test_requests_are_given_back_once() -> None:
    budget = Budget()
    budget.reserve("api.jolpi.ca", 10)
    refusal = RefusesOnce('UPDATE "ingestion_requestblock"')
    with connection.execute_wrapper(refusal):
        budget.give_back("api.jolpi.ca", 4)
    assert refusal.refused == 1
    assert RequestBlock.objects.get().requests == 6
