"""Jolpica: its Ergast form, which FastF1 reads, and its newer one."""

from ingestion.sources.jolpica.ergast import Jolpica
from ingestion.sources.jolpica.newer import JolpicaNewer
from ingestion.sources.jolpica.pages import count_pages

__all__ = ["Jolpica", "JolpicaNewer", "count_pages"]
