"""What the app answers over HTTP: whether it works."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error, connection, transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from ingestion.monitoring.health import State, check_health

BROKEN = 503
# A monitor gives up after some seconds, and a web worker that waits serves no one else.
SECONDS_PER_STATEMENT = 2
TIMED_OUT = ("57014", "55P03")  # statement_timeout, lock_timeout


@cache_control(no_store=True)
@require_safe
# A project's ATOMIC_REQUESTS would fail before this does.
@transaction.non_atomic_requests
def healthz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """For the public: states, times and names of checks, and nothing that they are about."""
    now = timezone.now()
    try:
        with limit_statements():
            health = check_health(now)
    except Error as error:
        code = getattr(error.__cause__, "sqlstate", "")
        is_late = code in TIMED_OUT or "locked" in str(error)
        late = f"the database did not respond within {SECONDS_PER_STATEMENT} seconds"
        reason = late if is_late else "the database cannot be reached, or failed"
        check = {"check": "database", "reason": reason}
        return JsonResponse({"state": State.BROKEN, "at": now, "checks": [check]}, status=BROKEN)
    fields = {
        "state": health.state,
        "at": health.at,
        "last_tick": health.last_tick,
        "checks": [
            {"check": finding.check, "severity": finding.severity, "since": finding.since}
            for finding in health.findings
        ],
    }
    return JsonResponse(fields, status=BROKEN if health.is_broken else 200)


@contextmanager
def limit_statements() -> Iterator[None]:
    """A statement that waits for longer, for a locked table above all, fails."""
    if connection.vendor == "postgresql":
        # For this transaction alone: a transaction pooler hands the connection on.
        with transaction.atomic(), connection.cursor() as cursor:
            limit = f"{SECONDS_PER_STATEMENT}s"
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [limit])
            yield
    elif connection.vendor == "sqlite":
        # Opening it may wait as well.
        usual = connection.settings_dict
        options = {**usual["OPTIONS"], "timeout": SECONDS_PER_STATEMENT}
        connection.settings_dict = {**usual, "OPTIONS": options}
        try:
            connection.ensure_connection()
        finally:
            connection.settings_dict = usual
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {SECONDS_PER_STATEMENT * 1000}")
            try:
                yield
            finally:
                seconds = usual["OPTIONS"].get("timeout", 5)
                cursor.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
    else:
        yield
