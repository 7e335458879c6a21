"""The pole of a sprint's qualifying as the sprint's grid shows it; needs no request."""

from ingestion.transform import read_sprint_pole

__all__ = ["read_sprint_pole"]
