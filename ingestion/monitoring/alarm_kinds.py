"""The table of alarms. A kind more is one entry here; everything that shows, stores, sends or
clears alarms reads it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.utils.translation import gettext_noop

from ingestion.models import Alarm
from ingestion.monitoring import detection
from ingestion.monitoring.detection import Case
from ingestion.monitoring.facts import Facts

BROKEN, SILENT, ATTENTION = Alarm.Severity.BROKEN, Alarm.Severity.SILENT, Alarm.Severity.ATTENTION


@dataclass(frozen=True, slots=True)
class AlarmKind:
    """`title` says what is wrong, `advice` what it means for the data and what to do next; `find`
    yields the cases, whose values fill both."""

    key: str
    severity: Alarm.Severity
    title: str
    advice: str
    find: Callable[[Facts], Iterator[Case]]


KINDS = (
    AlarmKind(
        "no-tick",
        BROKEN,
        gettext_noop("No worker tick has succeeded {since}"),
        gettext_noop(
            "Nothing is polled: results and moved starts do not come in, and "
            "statuses do not change; what is saved is safe. Start 'python "
            "manage.py qcluster', or read its log if it runs."
        ),
        detection.find_dead_worker,
    ),
    AlarmKind(
        "failing-runs",
        BROKEN,
        gettext_noop("Every run since {since} failed by a fault of ours"),
        gettext_noop(
            "The newest {end}. What they should have saved is missing; what is "
            "saved is safe. Correct what it says, or read the log; the next run "
            "catches up."
        ),
        detection.find_failing_runs,
    ),
    AlarmKind(
        "stale-schedule",
        BROKEN,
        gettext_noop("{season} calendars {refreshed}"),
        gettext_noop(
            "Sessions that moved since then have their old start here, and picks "
            "close by it. {cause}; set a start that you know by hand."
        ),
        detection.find_stale_schedule,
    ),
    AlarmKind(
        "clock",
        BROKEN,
        gettext_noop("This machine's clock is {offset} {side} the upstream's"),
        gettext_noop(
            "Picks close and results are requested by it: late picks may count, or "
            "good ones may not. Set it by NTP."
        ),
        detection.find_wrong_clock,
    ),
    AlarmKind(
        "given-up",
        BROKEN,
        gettext_noop("The task '{task}' died {starts} times and was given up"),
        gettext_noop(
            "Its work is not done until the next task of its kind succeeds. The "
            "worker's log shows what killed it: memory, a restart or a timeout."
        ),
        detection.find_given_up,
    ),
    AlarmKind(
        "unreadable-schedule",
        ATTENTION,
        gettext_noop("The schedule '{name}' (id {id}) cannot be read: {problem}"),
        gettext_noop(
            "It is skipped each time; all other schedules run. Correct or delete "
            "it in the admin, and set its next run where that is empty."
        ),
        detection.find_unreadable_schedules,
    ),
    AlarmKind(
        "upstream-silent",
        SILENT,
        gettext_noop("The upstream has been silent since {since}"),
        gettext_noop(
            "Requested without success: {requested}. Results come late; nothing "
            "that is saved is touched. It is requested again automatically; what "
            "cannot wait, enter by hand."
        ),
        detection.find_silence,
    ),
    AlarmKind(
        "unread-calendars",
        SILENT,
        gettext_noop("{season} calendars could not be read since {since}"),
        gettext_noop(
            "The last failure: {trouble}. Sessions that moved since then have "
            "their old start here, and picks close by it. They are read again "
            "automatically; set a start that you know by hand."
        ),
        detection.find_unread_calendars,
    ),
    AlarmKind(
        "overdue",
        SILENT,
        gettext_noop("Result more than {hours} hours overdue: {event}"),
        gettext_noop(
            "It was expected from {expected}. {progress}; picks on it are not "
            "scored. See whether the session was run and its result published, and "
            "enter the classification by hand if it must not wait; the upstream's "
            "is compared when it comes."
        ),
        detection.find_overdue,
    ),
    AlarmKind(
        "proposal",
        ATTENTION,
        gettext_noop("The upstream has another {what} for {event}, which was settled"),
        gettext_noop(
            "It is not applied; the settled one still counts. Compare the two and "
            "accept or reject it in the admin."
        ),
        detection.find_proposals,
    ),
    AlarmKind(
        "disputed-result",
        ATTENTION,
        gettext_noop("Two sources disagree about {event}: {what}"),
        gettext_noop(
            "What is published counts, and nothing was changed. Compare the two on "
            "the event's page, and correct the classification by hand if the "
            "published one is wrong; it ends by itself when they agree."
        ),
        detection.find_disputed_results,
    ),
    AlarmKind(
        "second-source-silent",
        ATTENTION,
        gettext_noop("The second source has given no usable answer since {since}"),
        gettext_noop(
            "The last failure: {trouble}. Nothing that is published depends on it: "
            "provisional results come later, and there is no witness. It is "
            "requested again automatically; F1_SECOND_SOURCE=off leaves it out."
        ),
        detection.find_second_silence,
    ),
    AlarmKind(
        "second-source-calendar",
        ATTENTION,
        gettext_noop("The second source has other starts for the {grand_prix}"),
        gettext_noop(
            "{starts}. Picks close by our calendars, which it does not move. Set "
            "the start by hand where it is wrong."
        ),
        detection.find_second_calendar,
    ),
    AlarmKind(
        "disputed-start",
        ATTENTION,
        gettext_noop("The calendars disagree by hours about the {grand_prix}"),
        gettext_noop(
            "{starts}. The first of each counts, and picks close by it. Set the "
            "start by hand where it is the wrong one."
        ),
        detection.find_disputed_starts,
    ),
    AlarmKind(
        "unknown-start",
        ATTENTION,
        gettext_noop("A start of the {grand_prix} is unknown a week before"),
        gettext_noop(
            "It is missing for {sessions}; picks close at {closes}, before the "
            "weekend begins. Set the start by hand once it is published."
        ),
        detection.find_unknown_starts,
    ),
)
