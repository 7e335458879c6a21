"""The upstreams: each fetches and transforms behind one small protocol, and answers with records
or one typed error; never silence.

FastF1 swallows failures into log lines, keeps wrong responses in its cache and would ask for a
password; here its parts are joined so that none of that reaches the rest of the project.
"""

from ingestion.sources.addresses import is_loopback
from ingestion.sources.cache import make_private_folder
from ingestion.sources.connection import Sources, connect, list_limits, result_sources
from ingestion.sources.jolpica import JolpicaDump, count_pages
from ingestion.sources.openf1 import ADDRESS as OPENF1_ADDRESS
from ingestion.sources.protocol import (
    Classification,
    ClassificationQuery,
    EntrantsQuery,
    KnownDriver,
    SourceAnswer,
    SourceConfig,
    Upstream,
)

__all__ = [
    "OPENF1_ADDRESS",
    "Classification",
    "ClassificationQuery",
    "EntrantsQuery",
    "JolpicaDump",
    "KnownDriver",
    "SourceAnswer",
    "SourceConfig",
    "Sources",
    "Upstream",
    "connect",
    "count_pages",
    "is_loopback",
    "list_limits",
    "make_private_folder",
    "result_sources",
]
