"""Which of the queue's clusters takes this app's tasks, and its settings.

A project whose own tasks need other settings gives this app a cluster of its own: `ALT_CLUSTERS` of
its Q_CLUSTER has one named 'f1', or what F1_QUEUE says, and `Q_CLUSTER_NAME=f1 manage.py qcluster`
runs it. Without one the project's only cluster takes them.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

OWN_QUEUE = "f1"


def queue_name() -> str | None:
    """None is the project's first cluster, mostly its only one."""
    named = getattr(settings, "F1_QUEUE", "")
    if named:
        return str(named)
    if OWN_QUEUE in _others():
        return OWN_QUEUE
    # Schedules without a cluster are taken by the one that has the project's own name alone.
    name = _configured().get("cluster_name")
    return None if name is None else str(name)


def cluster_settings() -> Mapping[str, Any]:
    """The settings of django-q2 in the cluster that takes this app's tasks."""
    shared = {name: value for name, value in _configured().items() if name != "ALT_CLUSTERS"}
    return {**shared, **_others().get(queue_name() or "", {})}


def is_unserved_queue() -> bool:
    """Whether no cluster of the settings takes what is put into it."""
    first = _configured().get("cluster_name") or _configured().get("name", "default")
    return queue_name() not in {None, first, *_others()}


def _configured() -> Mapping[str, Any]:
    return getattr(settings, "Q_CLUSTER", None) or {}


def _others() -> Mapping[str, Mapping[str, Any]]:
    return _configured().get("ALT_CLUSTERS") or {}
