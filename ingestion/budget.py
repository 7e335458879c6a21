"""The hour's requests, shared by every process through the database.

FastF1 counts per process and in memory: several workers, or one that restarts, would together
pass the 200 requests an hour that Jolpica allows to one address.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from ingestion.errors import SourceRateLimited
from ingestion.models import RequestBlock

HOUR = timedelta(hours=1)
# Below FastF1's own hard limit of 200 (fastf1.req), which counts refused attempts too.
REQUESTS_PER_HOUR = 180

# Any constant will do; it only has to differ from the other advisory locks of the app.
BUDGET_LOCK = 0x46315042


def reserve_requests(
    host: str, requests: int, *, clock: Callable[[], datetime] = timezone.now
) -> None:
    """Set a block of requests aside, or raise `SourceRateLimited` with the time to try again."""
    with transaction.atomic(durable=True):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [BUDGET_LOCK])
        now = clock()
        RequestBlock.objects.filter(reserved_at__lte=now - HOUR).delete()
        blocks = RequestBlock.objects.filter(host=host, reserved_at__lte=now)
        spent = blocks.aggregate(spent=Sum("requests"))["spent"] or 0
        if spent + requests <= REQUESTS_PER_HOUR:
            RequestBlock.objects.create(host=host, requests=requests, reserved_at=now)
            return
        retry_at = _room_at(list(blocks.order_by("reserved_at")), spent + requests)
    room = f"; there is room again at {retry_at:%H:%M} UTC" if retry_at is not None else ""
    raise SourceRateLimited(
        f"{host} would get more than {REQUESTS_PER_HOUR} requests within an hour{room}",
        retry_at=retry_at,
    )


def _room_at(blocks: list[RequestBlock], wanted: int) -> datetime | None:
    """When enough of the blocks are an hour old; None where not even all of them would do."""
    for block in blocks:
        wanted -= block.requests
        if wanted <= REQUESTS_PER_HOUR:
            return block.reserved_at + HOUR
    return None
