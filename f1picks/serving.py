from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def require_secret_key() -> None:
    """Pages sign sessions and forms: better not to start than to fail at the first visitor."""
    try:
        settings.SECRET_KEY  # noqa: B018 - Django refuses an empty one when it is read
    except ImproperlyConfigured:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set, and pages are not served without one. "
            "Run `python -m f1picks.environment` to put a new one into .env."
        ) from None
