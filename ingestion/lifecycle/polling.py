"""The plan for polling: when is something next worth requesting?

What forces it (Jolpica, 2024 to 2026): an answer is kept for everybody for an hour, empty ones too,
so that a request before it expires is in vain and one long after it is late. Results are out within
hours of the flag. Penalties follow within hours, disqualifications within days, and appeals and
re-imports for months; the slower they come, the slower they are watched.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

# Amendments are watched for so long after a season's last race (2026 Monaco: 89 days).
WATCHED_AFTER_SEASON = timedelta(days=120)

# How long to wait after an answer, by how long ago the session should have ended. Each a little
# less than what is promised (an hour, six hours), since a poll comes by every few minutes.
# On a pending one's first day that is for answers that do not say when they expire: the others
# are followed by the next as soon as it can bring news.
PENDING = (
    (3 * HOUR, 9 * MINUTE),
    (DAY, 50 * MINUTE),
    (3 * DAY, 3 * HOUR),
    (14 * DAY, 12 * HOUR),
)
OFFICIAL = (
    (DAY / 2, 50 * MINUTE),
    (3 * DAY, 6 * HOUR - 10 * MINUTE),
)
# Most penalties follow soon, and are seen as soon as an answer can have them. Later the pause is
# counted from there, as the promise is: not every answer is fetched.
PROMPT = 90 * MINUTE
# Then once a day, and after a fortnight once a week, in the quiet hours in which no session runs:
# what comes due together is requested together. What went along with others an hour before is
# not requested again.
DAILY_UNTIL = 14 * DAY
QUIET_HOUR = time(4, tzinfo=UTC)
QUIET_WEEKDAY = 2

# The upstream's clock and ours differ by less.
AFTER_EXPIRY = timedelta(seconds=5)
# An answer is not trusted to hold for longer, whatever it says: one header that somebody in between
# has set would lose a result.
LONGEST_TRUST = 6 * HOUR

# While a result is awaited a failing server gets another request within ten minutes, otherwise ever
# more seldom.
FIRST_RETRY = 4 * MINUTE
LONGEST_RETRY_WHILE_AWAITED = 9 * MINUTE
LONGEST_RETRY = 6 * HOUR

# The second source: by how long ago there may have been a result. With four sessions of a weekend
# these stay below its forty requests, lists and witnessing included, where it has its rows soon:
# within the first time also of a race that was stopped (Monaco 2024, 2 h 23 min).
SECOND_PENDING = (
    (75 * MINUTE, 9 * MINUTE),
    (2 * HOUR, 30 * MINUTE),
    (DAY, 4 * HOUR),
    (timedelta.max, 12 * HOUR),
)
# By how long ago the order was saved or changed.
SECOND_PROVISIONAL = ((6 * HOUR, 2 * HOUR), (DAY, 6 * HOUR), (3 * DAY, DAY))
SECOND_OFFICIAL = ((DAY, DAY), (2 * DAY, 2 * DAY))
SECOND_DISPUTED = ((3 * DAY, 6 * HOUR), (14 * DAY, DAY), (60 * DAY, 7 * DAY))
# Where nothing is answered while a session runs: a witness has not spoken then, and is requested
# again when it can be over, for as long as a weekend's requests have room for.
SECOND_NOT_NOW = 30 * MINUTE
NOT_NOW_FOR = 3 * HOUR
# A witness that fails is requested as seldom as what is awaited after so many failures more.
WITNESS_WAITS = 3

# The published sources have whatever is older, but for sprint qualifyings.
PROVISIONAL_IS_NEWS = 3 * DAY

# Starts have moved by hours at short notice (Miami 2026: three, on the day). Both calendars are
# read so long before each start, and then every 80 minutes: a start may move in one of them alone,
# and by more than the last hours. The schedule file is first with most moves, and its requests are
# none of Jolpica's, of which a weekend has sixty.
DAY_BEFORE = 24 * HOUR
LAST_HOURS = 4 * HOUR
READ_BEFORE_START = (DAY_BEFORE, 9 * HOUR, LAST_HOURS)
FILE_READ_BEFORE_START = (DAY_BEFORE, 19 * HOUR, 14 * HOUR, 9 * HOUR, LAST_HOURS)
PAUSE_IN_LAST_HOURS = 80 * MINUTE
# From the last reading before a start to the one that is nine hours before the next. What is
# planned for later was planned by a clock that was ahead.
LONGEST_CALENDAR_PLAN = DAY_BEFORE - READ_BEFORE_START[1] + PAUSE_IN_LAST_HOURS
LONGEST_CALENDAR_RETRY = 80 * MINUTE
LONGEST_RETRY_IN_LAST_HOURS = 20 * MINUTE


def is_watched(season: int, now: datetime) -> bool:
    """Whether a change of the season's results is still news, and not a correction of history."""
    return season >= (now - WATCHED_AFTER_SEASON).year


@dataclass(frozen=True, slots=True)
class Watched:
    """A session, its saved classification and the last answer, as far as polling is concerned.

    A result may be there from `results_from` on; `requested_at` is None before the first time,
    `expires_at` where the last answer did not say until when it holds; `failures` counts those in a
    row. All times are UTC.
    """

    results_from: datetime | None
    ends_at: datetime | None
    season_ends_at: datetime | None
    is_official: bool
    requested_at: datetime | None = None
    expires_at: datetime | None = None
    failures: int = 0


def next_poll(session: Watched) -> datetime | None:
    """When to request the session's classification next; it may have passed. None: never again.

    From the moment on at which there may be one; quickly until it is official, then for
    amendments; never before the last answer has expired.
    """
    if session.results_from is None or session.ends_at is None:
        return None
    at, requested_at = session.results_from, session.requested_at
    if requested_at is not None:
        expires_at = _expiry(session, requested_at)
        if requested_at >= session.results_from:
            age = requested_at - session.ends_at
            is_awaited = not session.is_official and age < DAY
            if session.failures:
                longest = LONGEST_RETRY_WHILE_AWAITED if is_awaited else LONGEST_RETRY
                at = requested_at + retry_after(session.failures, longest=longest)
            elif is_awaited and session.expires_at is not None:
                at = requested_at + FIRST_RETRY
            else:
                is_prompt = not session.is_official or age < PROMPT
                since = requested_at if is_prompt else max(requested_at, expires_at or requested_at)
                age += since - requested_at
                at = _after_answer(since, age, is_official=session.is_official)
        # Sooner it would give everybody the same answer again.
        at = at if expires_at is None else max(at, expires_at + AFTER_EXPIRY)
    last = max(session.season_ends_at or session.ends_at, session.ends_at) + WATCHED_AFTER_SEASON
    return at if at <= last else None


def is_provisional_news(at: datetime, since: datetime | None) -> bool:
    """Whether a provisional result is news at `at`; `since` is when the session should have ended,
    or could have had a result, None where that is not known."""
    return since is None or at < since + PROVISIONAL_IS_NEWS


def next_provisional_poll(session: Watched, *, is_published_later: bool) -> datetime | None:
    """When to request a provisional classification next, while nothing better is known: from the
    expected end on, every few minutes; of a session that a published source has too, no longer than
    it is news."""
    if session.ends_at is None:
        return None
    at = session.ends_at
    if session.requested_at is not None and session.requested_at >= session.ends_at:
        pause = LONGEST_RETRY_WHILE_AWAITED
        if session.failures:
            pause = retry_after(session.failures, longest=LONGEST_RETRY)
        expires_at = _expiry(session, session.requested_at)
        at = max(session.requested_at + pause, expires_at or session.ends_at)
    return at if not is_published_later or is_provisional_news(at, session.ends_at) else None


def next_witness_poll(
    session: Watched,
    *,
    changed_at: datetime | None,
    is_disputed: bool,
    is_not_now: bool = False,
) -> datetime | None:
    """When to request the second source next; None: never again.

    From the earliest result on, closely at first: it has one within minutes, or for days none. What
    is saved has changed at `changed_at` (None while nothing is, or what a worse source had): as a
    witness it is requested soon after that, then seldom, and more often while the two disagree.
    `is_not_now` where the last request came while nothing was answered.
    """
    if session.results_from is None or session.ends_at is None:
        return None
    requested_at = session.requested_at
    if requested_at is None or requested_at < session.results_from:
        # A result that was filled in once it was no news any more had no witness, and gets none.
        is_new = changed_at is None or is_provisional_news(changed_at, session.results_from)
        return session.results_from if is_new or not session.is_official else None
    pause = _pause_of_second(
        session, requested_at, changed_at, is_disputed=is_disputed, is_not_now=is_not_now
    )
    if pause is None:
        return None
    if session.failures:
        # Ever more seldom, and in the end as seldom as where it answers. A witness can wait for
        # half an hour at first: each of its retries takes two of the weekend's forty requests.
        failures = session.failures + (WITNESS_WAITS if session.is_official else 0)
        pause = retry_after(failures, longest=max(pause, LONGEST_RETRY))
    at = max(requested_at + pause, _expiry(session, requested_at) or requested_at)
    limit = (changed_at or session.ends_at) + SECOND_DISPUTED[-1][0]
    return at if at <= limit else None


def _pause_of_second(
    session: Watched,
    requested_at: datetime,
    changed_at: datetime | None,
    *,
    is_disputed: bool,
    is_not_now: bool,
) -> timedelta | None:
    """Where it answers; None where it is requested no more."""
    if not session.is_official and changed_at is None:
        age = requested_at - (session.results_from or requested_at)
        return next(pause for until, pause in SECOND_PENDING if age < until)
    if session.is_official and changed_at is not None and requested_at <= changed_at:
        return LONGEST_RETRY_WHILE_AWAITED
    age = requested_at - (changed_at or session.ends_at or requested_at)
    plan = SECOND_OFFICIAL if session.is_official else SECOND_PROVISIONAL
    plan = SECOND_DISPUTED if is_disputed else plan
    pause = next((pause for until, pause in plan if age < until), None)
    if pause is not None and is_not_now and age < NOT_NOW_FOR:
        return min(pause, SECOND_NOT_NOW)
    return pause


def _expiry(session: Watched, requested_at: datetime) -> datetime | None:
    if session.expires_at is None:
        return None
    return min(session.expires_at, requested_at + LONGEST_TRUST)


def _after_answer(since: datetime, age: timedelta, *, is_official: bool) -> datetime:
    for until, pause in OFFICIAL if is_official else PENDING:
        if age < until:
            return since + pause
    # The next quiet hour, of any day or of the week's.
    at = datetime.combine(since.astimezone(UTC).date(), QUIET_HOUR)
    while at <= since or (age >= DAILY_UNTIL and at.weekday() != QUIET_WEEKDAY):
        at += DAY
    return at


def retry_after(failures: int, *, longest: timedelta) -> timedelta:
    """Twice as long with each failure in a row."""
    doublings: int = 2 ** min(failures - 1, 16)
    return min(FIRST_RETRY * doublings, longest)


def next_calendar_poll(
    requested_at: datetime, *, failures: int, locks: Sequence[datetime], is_file: bool
) -> datetime:
    """When to read one of a season's calendars again, on the day before a start: the schedule file
    or Jolpica's.

    `locks` are the times, in order and later than `requested_at`, at which picks close.
    """
    is_last_hours = bool(locks) and locks[0] - requested_at <= LAST_HOURS
    if failures:
        longest = LONGEST_RETRY_IN_LAST_HOURS if is_last_hours else LONGEST_CALENDAR_RETRY
        return requested_at + retry_after(failures, longest=longest)
    # Not again so soon after a reading, and not at a lock, where it is too late for that one.
    soonest = requested_at + PAUSE_IN_LAST_HOURS
    # Between the weekends none is read by this plan, however early it is due.
    latest = requested_at + LONGEST_CALENDAR_PLAN
    for lock in locks:
        planned = (
            lock - before for before in (FILE_READ_BEFORE_START if is_file else READ_BEFORE_START)
        )
        at = next((at for at in planned if at >= soonest), soonest)
        if at < lock:
            return min(at, latest)
    return latest
