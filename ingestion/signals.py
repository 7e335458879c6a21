"""Sent after commit, once per entry of the feed; they only wake whoever then reads the feed.

Each is sent by `ingestion.models.Event` with `event`, `change` (the entry) and `cause`;
`event_rescheduled` also with `old` and `new`, the starts in UTC (None while unknown). A receiver
that raises is logged and hurts nothing.

`driver_merged` is sent by `ingestion.models.Driver` with `driver` and `into`, after a person found
that the two are one: picks on the first are picks on the second from then on.
"""

from django.dispatch import Signal

results_published = Signal()
results_amended = Signal()
results_settled = Signal()
event_rescheduled = Signal()
event_cancelled = Signal()
event_reinstated = Signal()
driver_merged = Signal()
