"""Jolpica: its Ergast form, which FastF1 reads, and its newer one."""

from ingestion.sources.jolpica.ergast import Jolpica
from ingestion.sources.jolpica.newer import JolpicaNewer

__all__ = ["Jolpica", "JolpicaNewer"]
