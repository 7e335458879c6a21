"""Receivers of the ingestion's signals. A conftest imports the fixtures by their names."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.dispatch import Signal

from ingestion import signals
from ingestion.models import Change

Heard = list[dict[str, Any]]
Hear = Callable[[Signal], Heard]
# The signal's name, the grand prix and the session type.
Announced = list[tuple[str, str, str]]

SIGNALS = {name: value for name, value in vars(signals).items() if isinstance(value, Signal)}


@pytest.fixture
def hear() -> Iterator[Hear]:
    """`hear(signal)` is the list of what the signal has sent since."""
    receivers = []

    def listen(signal: Signal) -> Heard:
        heard: Heard = []

        def receiver(**sent: Any) -> None:
            heard.append(sent)

        signal.connect(receiver, weak=False)
        receivers.append((signal, receiver))
        return heard

    yield listen
    for signal, receiver in receivers:
        signal.disconnect(receiver)


@pytest.fixture
def announced(hear: Hear) -> Callable[[], Announced]:
    """What all signals have sent since it was last asked; it is committed by then."""
    heard = {name: hear(signal) for name, signal in SIGNALS.items()}

    def told() -> Announced:
        sent = [(name, one["change"]) for name, ones in heard.items() for one in ones]
        for ones in heard.values():
            ones.clear()
        assert all(Change.objects.filter(pk=change.pk).exists() for _, change in sent)
        return sorted(
            (name, change.event.grand_prix, change.event.session_type) for name, change in sent
        )

    return told
