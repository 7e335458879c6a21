"""Which of Jolpica's forms a run reads: the Ergast form, and the newer one where that is gone.

What is known of it is a `Poll` under the newer form's name without an event: since when the Ergast
form has been gone (`failing_since`), when it was found gone last (`requested_at`), and when people
were informed (`answered_at`).
"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from ingestion.errors import BadSourceData, SourceUnavailable
from ingestion.models import CLOCK_SLACK, Poll
from ingestion.pipeline.picture import Outcome
from ingestion.pipeline.request import IngestRequest
from ingestion.records import Source
from ingestion.report import Fault, Problem, RunReport
from ingestion.sources import SourceConfig

logger = logging.getLogger(__name__)

AUTO, NEWER = "auto", "newer"
GONE = (404, 410)
# A server that is being repaired may answer so for hours.
GONE_FOR = timedelta(days=1)
SWITCHED = (
    "Jolpica's Ergast form has been gone (404 or 410) for a day; calendars and results are read "
    "from its newer form from now on"
)
ADVICE = "Set F1_RESULTS_FROM=newer to keep it so, F1_RESULTS_FROM=ergast once that is back"


def settle_form(config: SourceConfig, now: datetime) -> tuple[SourceConfig, Poll | None]:
    """The configuration, with the newer form where the setting leaves it open and the Ergast form
    has been gone for long enough; and what is noted of the Ergast form, None where it has not been
    gone."""
    if config.results_from == NEWER:
        return config, None
    gone = Poll.objects.filter(source=Source.JOLPICA_NEWER, event=None).first()
    since = gone.failing_since if gone is not None and config.results_from == AUTO else None
    last = gone.requested_at if gone is not None else None
    # Found gone once, midweek it may not be requested for a day.
    if since is not None and last is not None and since + GONE_FOR <= last <= now + CLOCK_SLACK:
        config = replace(config, results_from=NEWER)
    return config, gone


def choose_form(
    request: IngestRequest, report: RunReport, now: datetime
) -> tuple[IngestRequest, Poll | None]:
    """The request with the form that its run reads, and what is noted of the Ergast form; the first
    one that reads the newer form because the other is gone has a problem that says so."""
    config, gone = settle_form(request.config, now)
    if gone is not None and config != request.config and gone.answered_at is None:
        logger.warning(SWITCHED)
        report.problems.append(Problem(SWITCHED, advice=ADVICE, fault=Fault.UPSTREAM))
        if not request.dry_run:
            Poll.objects.filter(pk=gone.pk).update(answered_at=now)
    return replace(request, config=config), gone


def record_form(
    request: IngestRequest,
    season: int,
    outcomes: Iterable[Outcome],
    now: datetime,
    *,
    gone: Poll | None,
) -> None:
    """Whether the Ergast form has answered or is gone, beside what was noted of it when the run
    began; any answer counts, whatever else failed."""
    form = request.config.results_from
    if form == NEWER or request.sample:
        return
    errors = [one.error for one in outcomes if one.source is Source.JOLPICA]
    known = Poll.objects.filter(source=Source.JOLPICA_NEWER, event=None)
    if any(error is None or isinstance(error, BadSourceData) for error in errors):
        if gone is not None:
            known.delete()
        return
    is_gone = any(isinstance(one, SourceUnavailable) and one.status in GONE for one in errors)
    if form == AUTO and is_gone and not known.update(requested_at=now):
        Poll.objects.get_or_create(
            source=Source.JOLPICA_NEWER,
            event=None,
            season=season,
            defaults={"failing_since": now, "requested_at": now},
        )
