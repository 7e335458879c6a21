"""Static files under names that change with them, compressed: whitenoise's storage."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class CollectedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """A file that `collectstatic` has not seen keeps its own name, instead of failing the page:
    before it has run, and where it was forgotten after an upgrade."""

    def stored_name(self, name: str) -> str:
        try:
            stored: str = super().stored_name(name)
        except ValueError:
            return name
        return stored
