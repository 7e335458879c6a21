"""What the app answers over HTTP: whether it works."""

from typing import Any

from django.db import Error, transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from ingestion.monitoring.health import Health, State, check_health

BROKEN = 503


@cache_control(no_store=True)
@require_safe
# A project's ATOMIC_REQUESTS would fail before this does.
@transaction.non_atomic_requests
def healthz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """For anybody's eyes: states, times and names of checks, and nothing that they are about."""
    now = timezone.now()
    try:
        health = check_health(now)
    except Error:
        return JsonResponse(
            {"state": State.BROKEN, "at": now, "checks": [{"check": "database"}]}, status=BROKEN
        )
    return JsonResponse(_fields(health), status=BROKEN if health.is_broken else 200)


def _fields(health: Health) -> dict[str, Any]:
    return {
        "state": health.state,
        "at": health.at,
        "last_tick": health.last_tick,
        "checks": [
            {"check": finding.check, "severity": finding.severity, "since": finding.since}
            for finding in health.findings
        ],
    }
