"""The only place that joins fetch, transform and save."""

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
    "IngestRequest",
    "Rules",
    "configured_addresses",
    "configured_rules",
    "current_season",
    "ingest",
]
