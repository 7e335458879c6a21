"""The only room that joins sources and save: plan, gather, run, poll."""

from ingestion.lifecycle import may_be_absent
from ingestion.pipeline.audit import AuditReport, audit, propose
from ingestion.pipeline.poll import Due, find_due, poll_due, request_event
from ingestion.pipeline.poll_rows import drop_switched_off, mend_plans
from ingestion.pipeline.probe import probe_upstreams
from ingestion.pipeline.request import (
    Calendars,
    IngestRequest,
    Mode,
    RequestedSession,
    Rules,
    configured_rules,
    configured_sources,
)
from ingestion.pipeline.run import current_season, ingest, look_for_next_season
from ingestion.pipeline.upkeep import prune, put_back_times
from ingestion.save import advance_statuses
from ingestion.sources import SourceConfig, list_limits

__all__ = [
    "AuditReport",
    "Calendars",
    "Due",
    "IngestRequest",
    "Mode",
    "RequestedSession",
    "Rules",
    "SourceConfig",
    "advance_statuses",
    "audit",
    "configured_rules",
    "configured_sources",
    "current_season",
    "drop_switched_off",
    "find_due",
    "ingest",
    "list_limits",
    "look_for_next_season",
    "may_be_absent",
    "mend_plans",
    "poll_due",
    "probe_upstreams",
    "propose",
    "prune",
    "put_back_times",
    "request_event",
]
