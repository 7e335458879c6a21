"""The only place that joins fetch, transform and save."""

from ingestion.pipeline.request import Addresses, IngestRequest, configured_addresses
from ingestion.pipeline.run import current_season, ingest

__all__ = ["Addresses", "IngestRequest", "configured_addresses", "current_season", "ingest"]
