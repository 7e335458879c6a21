"""Every row of the app's tables, to see that nothing, or only one thing, was written."""

from typing import Any

from django.apps import apps

# A run's own record and the requests it counted are written by every run; what the scheduling
# remembers is no fact of the sport, nor is what the upstream says beside a person's word.
BOOKKEEPING = frozenset(
    {
        "ingestrun",
        "requestblock",
        "poll",
        "taskrun",
        "createdrow",
        "alarm",
        "upstreamclassification",
    }
)


def all_rows(
    *, using: str = "default", leave_out: frozenset[str] = BOOKKEEPING
) -> dict[str, list[dict[str, Any]]]:
    return {
        str(model._meta.model_name): list(
            model._default_manager.using(using).order_by("pk").values()
        )
        for model in apps.get_app_config("ingestion").get_models()
        if model._meta.model_name not in leave_out and not model._meta.proxy
    }
