"""The only place that joins fetch, transform and save."""

from ingestion.pipeline.polling import Due, find_due, poll_due
from ingestion.pipeline.request import (
    Addresses,
    IngestRequest,
    Rules,
    configured_addresses,
    configured_rules,
)
from ingestion.pipeline.run import current_season, ingest

__all__ = [
    "Addresses",
    "Due",
    "IngestRequest",
    "Rules",
    "configured_addresses",
    "configured_rules",
    "current_season",
    "find_due",
    "ingest",
    "poll_due",
]
