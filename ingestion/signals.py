"""Sent after commit; they only wake whoever then reads the feed. Not each entry of the feed has
one, a person's correction may have two, and a merge of drivers has no entry of its own.

Each is sent by `ingestion.models.Event` with `event`, `change` (the entry) and `cause`;
`event_rescheduled` also with `old` and `new`, the starts in UTC (None while unknown). A receiver
that raises is logged and hurts nothing.

`results_proposed` is about a classification that does not count: a person decides on it.
`event_corrected` is sent for whatever a person corrects, after the signal of what that does where
there is one: a corrected classification is `results_amended` first.

`driver_merged` is sent by `ingestion.models.Driver` with `driver` and `into`, after a person found
that the two are one: picks on the first are picks on the second from then on. `driver_unmerged`
has the same two, after that was undone: picks that were made on `driver` are his again.
"""

from django.dispatch import Signal

results_published = Signal()
results_amended = Signal()
results_settled = Signal()
results_proposed = Signal()
event_rescheduled = Signal()
event_cancelled = Signal()
event_reinstated = Signal()
event_corrected = Signal()
driver_merged = Signal()
driver_unmerged = Signal()
