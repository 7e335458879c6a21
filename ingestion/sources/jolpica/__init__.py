"""Jolpica: its Ergast form, which FastF1 reads, its newer one, and the dump of its database."""

from ingestion.sources.jolpica.dump import JolpicaDump
from ingestion.sources.jolpica.ergast import Jolpica
from ingestion.sources.jolpica.newer import JolpicaNewer
from ingestion.sources.jolpica.newer_results import JolpicaByNewerForm
from ingestion.sources.jolpica.pages import count_pages

__all__ = ["Jolpica", "JolpicaByNewerForm", "JolpicaDump", "JolpicaNewer", "count_pages"]
