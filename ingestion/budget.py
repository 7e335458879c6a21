"""The hour's requests, shared by every process through the database.

FastF1 counts per process and in memory: several workers, or one that restarts, would together
pass the 200 requests an hour that Jolpica allows to one address.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Aggregate, F, Max, QuerySet, Subquery, Sum
from django.utils import timezone

from ingestion.database_failures import retried
from ingestion.errors import SourceRateLimited
from ingestion.models import Event, RequestBlock

Purpose = RequestBlock.Purpose

# A host's limits: how many requests within which time.
Limits = Sequence[tuple[int, timedelta]]

logger = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
# How far the clocks of the machines that share the budget may differ.
MACHINES_APART = timedelta(minutes=5)
# Below FastF1's own hard limit of 200 (fastf1.req), which counts refused attempts too.
REQUESTS_PER_HOUR = 180
# A season's largest endpoint has to fit into a backfill's share.
FEWEST_PER_HOUR = 30
# After that a result is late, and older seasons need not wait for it.
AWAITED_FOR = timedelta(hours=3)

# Any constant will do; it only has to differ from the other advisory locks of the app.
BUDGET_LOCK = 0x46315042


def requests_per_hour() -> int:
    """The limit of an hour: the settings may lower it, and nothing raises it."""
    configured = getattr(settings, "F1_REQUESTS_PER_HOUR", REQUESTS_PER_HOUR)
    return max(FEWEST_PER_HOUR, min(int(configured), REQUESTS_PER_HOUR))


def share_of(purpose: Purpose) -> int:
    """A backfill stops at two thirds of the hour, whoever spent them: the rest is for polling."""
    return requests_per_hour() * 2 // 3 if purpose == Purpose.BACKFILL else requests_per_hour()


@dataclass(slots=True)
class Budget:
    """What one run takes of the hour, to `reserve` before it asks and to `give_back` from. The
    purpose may change from season to season; `left` is the room that the last reservation left.
    `limits` are of hosts that allow less than the hour's usual number, or count otherwise."""

    purpose: Purpose = Purpose.POLL
    clock: Callable[[], datetime] = field(default=timezone.now, kw_only=True)
    limits: Mapping[str, Limits] = field(default_factory=dict, kw_only=True)
    left: int | None = field(default=None, init=False)
    _blocks: dict[str, list[RequestBlock]] = field(
        default_factory=lambda: defaultdict(list), init=False
    )

    @retried
    def reserve(self, host: str, requests: int) -> None:
        """Set a block of requests aside, or raise `SourceRateLimited` with the time to try again.

        The block is written first and judged with all others: a refusal takes it back.
        """
        # Durable: a rollback would forget requests that were made.
        with transaction.atomic(durable=True):
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [BUDGET_LOCK])
            now = self.clock()
            # A clock was ahead: they were sent at some time, and count for this hour.
            ahead = RequestBlock.objects.filter(reserved_at__gt=now + MACHINES_APART)
            if ahead.update(reserved_at=now):
                logger.warning("requests were noted by a clock that was ahead; they count as now")
            old = RequestBlock.objects.filter(reserved_at__lte=now - HOUR)
            for limited, limits in self.limits.items():
                longest = max(within for _, within in limits)
                old = old.exclude(host=limited, reserved_at__gt=now - longest)
            old.delete()
            block = RequestBlock.objects.create(
                host=host, purpose=self.purpose, requests=requests, reserved_at=now
            )
            self._judge(block)
        self._blocks[host].append(block)

    @retried
    def give_back(self, host: str, requests: int) -> None:
        """Take them off the blocks since the last time: those requests were never made."""
        left = requests
        with transaction.atomic():
            for block in reversed(self._blocks.get(host, [])):
                unused = min(block.requests, left)
                if unused:
                    kept = RequestBlock.objects.filter(pk=block.pk)
                    kept.update(requests=F("requests") - unused)
                    left -= unused
        self._blocks.pop(host, None)
        if self.left is not None:
            self.left += requests - left

    def _judge(self, block: RequestBlock) -> None:
        if block.host in self.limits:
            self._judge_limits(block, self.limits[block.host])
            return
        share = share_of(self.purpose)
        blocks = RequestBlock.objects.filter(host=block.host, reserved_at__lte=block.reserved_at)
        totals: dict[str, Aggregate] = {"spent": Sum("requests")}
        if self.purpose == Purpose.BACKFILL:
            last = _awaited(block.reserved_at).values("ends_at")[:1]
            totals["awaited"] = Max(Subquery(last))
        sums = blocks.aggregate(**totals)
        if sums.get("awaited") is not None:
            session = _awaited(block.reserved_at)[0]
            until = (session.ends_at or block.reserved_at) + AWAITED_FOR
            raise SourceRateLimited(
                f"the result of {session} is awaited, and older seasons wait for it, until "
                f"{until:%H:%M} UTC at the latest",
                retry_at=until,
            )
        self.left = share - sums["spent"]
        if self.left < 0:
            self.left += block.requests
            others = list(blocks.exclude(pk=block.pk).order_by("reserved_at"))
            retry_at = _room_at(others, sums["spent"], share)
            kept = requests_per_hour() - share
            why = f" (another {kept} are kept for the running season)" if kept else ""
            room = f"; there is room again at {retry_at:%H:%M} UTC" if retry_at is not None else ""
            raise SourceRateLimited(
                f"{block.host} would get more than {share} requests within an hour{why}{room}",
                retry_at=retry_at,
            )

    def _judge_limits(self, block: RequestBlock, limits: Limits) -> None:
        blocks = RequestBlock.objects.filter(host=block.host, reserved_at__lte=block.reserved_at)
        for whole, within in limits:
            # A minute passes soon. A quarter of what days allow is left to polling: the sprint
            # qualifyings of two seasons take 28 of OpenF1's forty.
            is_shared = self.purpose == Purpose.BACKFILL and within > HOUR
            most = whole * 3 // 4 if is_shared else whole
            recent = blocks.filter(reserved_at__gt=block.reserved_at - within)
            spent = recent.aggregate(sum=Sum("requests"))["sum"]
            if spent > most:
                others = list(recent.exclude(pk=block.pk).order_by("reserved_at"))
                retry_at = _room_at(others, spent, most, within=within)
                raise SourceRateLimited(
                    f"{block.host} would get more than {most} requests within {within}",
                    retry_at=retry_at,
                )


def _awaited(now: datetime) -> QuerySet[Event]:
    """Sessions that ended just now, and have no classification; the last one first."""
    return (
        Event.objects.awaiting_results(now)
        .filter(ends_at__gt=now - AWAITED_FOR)
        .order_by("-ends_at", "pk")
    )


def _room_at(
    blocks: list[RequestBlock], needed: int, share: int, *, within: timedelta = HOUR
) -> datetime | None:
    """When enough of the blocks are that old; None where not even all of them would do."""
    for block in blocks:
        needed -= block.requests
        if needed <= share:
            return block.reserved_at + within
    return None
