"""Databases of a proof's own: SQLite files in a folder, or a PostgreSQL server's."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.project import created_database

SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Databases:
    """Without a server's URL SQLite."""

    folder: Path
    server_url: str = ""

    @contextmanager
    def created(self, *, template: str = "") -> Iterator[str]:
        """A new one's URL, or that of a copy of one that nobody has open; it goes at the end."""
        name = f"f1picks_{uuid.uuid4().hex[:12]}"
        if not self.server_url:
            file = self.folder / f"{name}.sqlite3"
            if template:
                shutil.copy(template.removeprefix(SQLITE), file)
            yield f"{SQLITE}{file}"
            file.unlink(missing_ok=True)
            return
        copied = urlsplit(template).path.removeprefix("/") or "template1"
        with created_database(self.server_url, name, template=copied) as url:
            yield url
