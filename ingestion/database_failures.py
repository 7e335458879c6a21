"""What a database that fails means: for people in one line, and whether trying again can help."""

import functools
import logging
import time
from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar

from django.db import DatabaseError, connection

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

KEPT = "what was saved before stays, the rest was not changed"
AGAIN = "Run it again"
# Seconds between the tries of what can pass; together less than a person waits for a command.
PAUSES = (0.5, 1.0, 2.0, 4.0)


class Failure(NamedTuple):
    what: str
    advice: str
    can_pass: bool = False


BUSY = "Something else works on it for long: run it again later"
READ_ONLY = Failure(
    "the database is read-only",
    "Name one that can be written in DATABASE_URL (the primary, not a standby), or end its "
    "default_transaction_read_only; then run it again",
)
FULL = Failure("the database's disk is full", "Free some space, then run it again")
BROKEN_OFF = Failure("the connection to the database broke off", AGAIN, can_pass=True)
STARTING = Failure(
    "the database is starting or stopping", "Run it again in a minute", can_pass=True
)
CROWDED = Failure(
    "the database has no connection left for us (too many connections)",
    "Run it again later; where that happens often, raise max_connections or use a pooler",
    can_pass=True,
)
REFUSED = Failure(
    "the database refuses the user, the password or the database's name of DATABASE_URL",
    "Correct it, then run it again",
)
UNREACHABLE = Failure(
    "the database cannot be reached",
    "Check that it runs and that DATABASE_URL names it, then run it again",
)
# A server may be on its way up, or its name server may answer late.
NOT_REACHED = UNREACHABLE._replace(can_pass=True)
# No connection was made: nothing can have begun.
UNUSABLE = (REFUSED, UNREACHABLE, NOT_REACHED)
NO_TABLES = Failure("the database has no tables yet", "Run 'python manage.py migrate' first")
NOT_MIGRATED = Failure(
    "the database's tables are not those of this version",
    "Run 'python manage.py migrate', then try again",
)
DAMAGED = Failure(
    "the SQLite database is damaged",
    "Restore the file from its last backup (or save what can be read: sqlite3 FILE .recover), "
    "then run it again: it fetches what is missing",
)
# Not tried again: SQLite has waited for a minute already.
LOCKED = Failure("another process keeps the database locked", BUSY)

# By PostgreSQL's code, or the class that it begins with; the longest that fits counts.
POSTGRES = {
    "08": BROKEN_OFF,
    "25006": READ_ONLY,
    "25P03": Failure(
        "the database ended a transaction that was idle too long "
        "(idle_in_transaction_session_timeout)",
        "Run it again; where that happens often, raise that limit for this user",
        can_pass=True,
    ),
    "28": REFUSED,
    "3D000": REFUSED,
    "40": Failure(
        "other transactions were in the way each time (serialization failure or deadlock)",
        AGAIN,
        can_pass=True,
    ),
    "42501": Failure(
        "the database's user has no right to write or read its tables",
        "Grant it the rights of their owner, then run it again",
    ),
    "42703": NOT_MIGRATED,
    "42P01": NOT_MIGRATED,
    "53100": FULL,
    "53300": CROWDED,
    "55P03": Failure(
        "a lock in the database was not free in time (lock_timeout)", BUSY, can_pass=True
    ),
    "57014": Failure(
        "the database cancelled a statement (statement_timeout, or a person)",
        "Run it again when it is less busy; where that happens often, raise that limit for this "
        "user",
    ),
    "57P": BROKEN_OFF,
    "57P03": STARTING,
}
# psycopg has no code for a connection that the server refuses, only its text.
REFUSALS = {
    "too many clients": CROWDED,
    "connection slots are reserved": CROWDED,
    "too many connections": CROWDED,
    "no more connections allowed": CROWDED,  # PgBouncer
    "database system is": STARTING,
    "authentication failed": REFUSED,
    "no pg_hba.conf entry": REFUSED,
    "does not exist": REFUSED,
    # psycopg's own messages, where nothing above says more.
    "connection failed": NOT_REACHED,
    "connection is bad": NOT_REACHED,
    "failed to resolve": NOT_REACHED,
    "connection timeout expired": NOT_REACHED,
}
# By the lower byte of SQLite's code: https://sqlite.org/rescode.html
SQLITE = {
    3: UNREACHABLE,
    5: LOCKED,
    6: LOCKED,
    8: Failure(
        "the SQLite database is read-only",
        "Let this user write the file of DATABASE_URL and its folder, then run it again",
    ),
    10: Failure(
        "the SQLite database's disk cannot be read or written",
        "Check the disk, restore the file from a backup if it is damaged, then run it again",
    ),
    11: DAMAGED,
    13: FULL,
    14: UNREACHABLE,
    26: DAMAGED,
}


def explain_database(error: DatabaseError, *, has_begun: bool = False) -> str:
    """One line without the driver's own text, which may hold an address. `has_begun` where the
    database worked at first, so that something may have been saved."""
    failure = find_failure(error)
    if failure in (None, BROKEN_OFF, NOT_MIGRATED):
        # The error says too little: what does a connection of its own find?
        if not connection.in_atomic_block:
            # A server that is back has not got the old one any more.
            connection.close()
        try:
            connection.ensure_connection()
            if "ingestion_event" not in connection.introspection.table_names():
                failure = NO_TABLES
        except DatabaseError as probed:
            found = find_failure(probed)
            failure = UNREACHABLE if found in (None, BROKEN_OFF) else found
    if failure is None:
        failure = Failure(
            f"the database failed ({type(error).__name__})",
            "Run 'python manage.py migrate' if it was not run since the last upgrade, then try "
            "again",
        )
    data = f"; {KEPT}" if has_begun else ". Nothing was changed"
    return f"{failure.what}{data}. {failure.advice}."


def find_failure(error: BaseException) -> Failure | None:
    """The failure by the driver's own error, wherever it is in the chain; None for an unknown
    one."""
    link: BaseException | None = error
    # A chain may lead back to itself.
    seen: list[BaseException] = []
    while link is not None and link not in seen:
        seen.append(link)
        code = getattr(link, "sqlstate", None)
        if code:
            fitting = [begin for begin in POSTGRES if code.startswith(begin)]
            return POSTGRES[max(fitting, key=len)] if fitting else None
        code = getattr(link, "sqlite_errorcode", None)
        if code is not None:
            return SQLITE.get(code & 0xFF, NOT_MIGRATED if "no such " in str(link) else None)
        link = link.__cause__ or link.__context__
    text = str(error)
    if connection.vendor != "postgresql":
        return None
    known = [failure for part, failure in REFUSALS.items() if part in text]
    # Without a code it is the driver that noticed, and not the server.
    return known[0] if known else BROKEN_OFF


def retried(work: Callable[P, T]) -> Callable[P, T]:
    """`work` again where the database refused it for a reason that can pass. It has to open its
    own transaction, and to change nothing else: within an outer one nothing can be tried again."""

    @functools.wraps(work)
    def work_again(*args: P.args, **kwargs: P.kwargs) -> T:
        for pause in PAUSES:
            try:
                return work(*args, **kwargs)
            except DatabaseError as error:
                failure = find_failure(error)
                if connection.in_atomic_block or failure is None or not failure.can_pass:
                    raise
                logger.warning("trying again: %s", failure.what, extra={"seconds": pause})
            # Django goes on in a transaction that nothing commits where it could not end one.
            is_open = connection.autocommit != connection.settings_dict["AUTOCOMMIT"]
            if is_open or not connection.is_usable():
                connection.close()
            time.sleep(pause)
        return work(*args, **kwargs)

    return work_again


@retried
def connect_database() -> None:
    """Connect at the beginning of a command: a server that starts or is crowded is given a
    moment."""
    connection.ensure_connection()
