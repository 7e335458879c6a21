"""What serving pages needs beside Django's own: headers, static files, reports without secrets."""

from collections.abc import Callable, ItemsView
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter
from whitenoise.storage import CompressedManifestStaticFilesStorage

from f1picks.masking import MASK, is_named_secret, mask_text

# The admin's scripts and styles are all files of its own; some of its pictures are data: addresses.
CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


def require_secret_key() -> None:
    """Pages sign sessions and forms: better not to start than to fail at the first visitor."""
    try:
        settings.SECRET_KEY  # noqa: B018 - Django refuses an empty one when it is read
    except ImproperlyConfigured:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set, and pages are not served without one. "
            "Run `python -m f1picks.environment` to put a new one into .env."
        ) from None


def content_policy(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: whatever text gets into a page, no browser runs it."""

    def add_policy(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        # Django's own page about an error in DEBUG has its script and style within.
        if not settings.DEBUG:
            response.headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
        return response

    return add_policy


def client_address(request: HttpRequest) -> str:
    """Where a request comes from. Behind a proxy that is the last entry of its header, the one
    that the proxy itself adds: those before are the client's own claim."""
    forwarded: str = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if getattr(settings, "SECURE_PROXY_SSL_HEADER", None) and forwarded:
        return forwarded.rpartition(",")[2].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


class CollectedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Static files under names that change with them. A file that `collectstatic` has not seen
    keeps its own name, instead of failing the page: where it was not run after an upgrade."""

    def stored_name(self, name: str) -> str:
        try:
            stored: str = super().stored_name(name)
        except ValueError:
            return name
        return stored


class MaskingFilter(SafeExceptionReporterFilter):
    """Django's own hides settings by their names: here also passwords within addresses, wherever
    they are, and what variables of the code hold, in DEBUG too."""

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        cleansed = super().cleanse_setting(key, value)
        return mask_text(cleansed) if isinstance(cleansed, str) else cleansed

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: FrameType
    ) -> ItemsView[str, Any]:
        shown = {}
        for name, value in super().get_traceback_frame_variables(request, tb_frame):
            try:
                text = repr(value)
            except Exception:  # noqa: BLE001 - of whatever class; Django's page says so itself
                text = ""
            is_safe = not is_named_secret(name) and mask_text(text) == text
            shown[name] = value if is_safe else MASK if is_named_secret(name) else mask_text(text)
        return shown.items()


class MaskingReporter(ExceptionReporter):
    """... and what the error says."""

    def get_traceback_data(self) -> dict[str, Any]:
        data = super().get_traceback_data()
        return {
            name: mask_text(value) if name.startswith("exception_") and value else value
            for name, value in data.items()
        }
