"""The number of requests and statements does not grow with the season (see tests/proofs/bench)."""

from pathlib import Path

import pytest

from ingestion.models import Entrant
from tests.statements import count_ingests, count_race_week

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fastf1_restored")]

# The schedule file and Jolpica's calendar, and a started hundred of rows each of results,
# qualifying and sprint.
REQUESTS = {5: 2 + 1 + 1 + 1, 24: 2 + 5 + 5 + 2}
# Apart: the list of rounds in Jolpica's newer form, and each sprint qualifying.
OF_SPRINT_QUALIFYINGS = {5: 1 + 1, 24: 1 + 6}
MOST_REQUESTS = 14
MOST_STATEMENTS_AGAIN = 12
# On an empty database, whatever the season's size.
STATEMENTS = 20


@pytest.mark.parametrize("rounds", [5, 24])
def test_a_season_takes_few_requests_and_a_constant_number_of_statements(
    rounds: int, tmp_path: Path
) -> None:
    empty, again = count_ingests(rounds, tmp_path)

    assert empty.requests == again.requests
    assert empty.requests - OF_SPRINT_QUALIFYINGS[rounds] == REQUESTS[rounds] <= MOST_REQUESTS
    assert empty.constant == STATEMENTS
    assert again.statements <= MOST_STATEMENTS_AGAIN


def test_in_a_race_week_the_same_again_takes_no_more(tmp_path: Path) -> None:
    again = count_race_week(tmp_path)

    assert Entrant.objects.count() == 20
    assert again.statements <= MOST_STATEMENTS_AGAIN
