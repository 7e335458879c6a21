"""The only place that joins fetch, transform and save."""

from ingestion.pipeline.looking import is_time_to_look
from ingestion.pipeline.polling import Due, find_due, poll_due, request_of_event
from ingestion.pipeline.probe import Probe, probe_upstreams
from ingestion.pipeline.request import (
    Addresses,
    IngestRequest,
    Rules,
    configured_addresses,
    configured_rules,
)
from ingestion.pipeline.run import current_season, ingest
from ingestion.pipeline.sweeping import mend_plans, prune
from ingestion.save import advance_statuses

__all__ = [
    "Addresses",
    "Due",
    "IngestRequest",
    "Probe",
    "Rules",
    "advance_statuses",
    "configured_addresses",
    "configured_rules",
    "current_season",
    "find_due",
    "ingest",
    "is_time_to_look",
    "mend_plans",
    "poll_due",
    "probe_upstreams",
    "prune",
    "request_of_event",
]
