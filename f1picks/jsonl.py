"""Rows as JSON Lines for dumpdata and loaddata, with every time as exact as the database has it:
Django's own cuts times to milliseconds."""

from datetime import datetime, time
from typing import Any

from django.core.serializers import jsonl
from django.core.serializers.json import DjangoJSONEncoder

Deserializer = jsonl.Deserializer


class ExactEncoder(DjangoJSONEncoder):
    def default(self, o: Any) -> Any:
        return o.isoformat() if isinstance(o, datetime | time) else super().default(o)


class Serializer(jsonl.Serializer):
    def start_serialization(self) -> None:
        super().start_serialization()
        self.json_kwargs["cls"] = ExactEncoder
