"""Entries of the feed in words, as a page shows them."""

from ingestion.models import Change
from ingestion.story import describe_change


def tell(change: Change) -> str:
    """With an arrow that no narrow line breaks in two."""
    return describe_change(change).replace("->", "→")
