"""What Django's page about an error shows in DEBUG, and its mails about one."""

from collections.abc import ItemsView
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from f1picks.logs import MASK, is_named_secret, mask_text


class MaskingFilter(SafeExceptionReporterFilter):
    """Django's own hides settings by their names: here also passwords within addresses, wherever
    they stand, and what variables of the code hold, in DEBUG too."""

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        cleansed = super().cleanse_setting(key, value)
        return mask_text(cleansed) if isinstance(cleansed, str) else cleansed

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: FrameType
    ) -> ItemsView[str, Any]:
        variables = super().get_traceback_frame_variables(request, tb_frame)
        return {name: _shown(name, value) for name, value in variables}.items()


class MaskingReporter(ExceptionReporter):
    """... and what the error says."""

    def get_traceback_data(self) -> dict[str, Any]:
        data = super().get_traceback_data()
        return {
            name: mask_text(value) if name.startswith("exception_") and value else value
            for name, value in data.items()
        }


def _shown(name: str, value: Any) -> Any:
    if is_named_secret(name):
        return MASK
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - of whatever class; Django's page says so itself
        return value
    masked = mask_text(text)
    return value if masked == text else masked
