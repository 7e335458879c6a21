"""What commands say of a database that fails them."""

from django.db import DatabaseError, connection

# PostgreSQL's codes (classes by their beginning): the disk, and connections that end.
DISK_FULL = "53100"
BROKEN_OFF = ("08", "57P")

STANDS = "what was saved before stays, the rest was not changed"


def explain_database(error: DatabaseError, *, has_begun: bool = False) -> str:
    """What a failing database means; the driver's own text may hold an address. `has_begun` where
    it worked at first, so that something may have been saved."""
    if not connection.in_atomic_block:
        # A server that is back has not got it any more.
        connection.close()
    try:
        connection.ensure_connection()
        tables = connection.introspection.table_names()
    except DatabaseError:
        if has_begun:
            return (
                f"the database cannot be reached any more; {STANDS}. "
                "Check that it runs, then run it again."
            )
        return (
            "the database cannot be reached. Nothing was changed. "
            "Check that it runs and that DATABASE_URL names it, then run it again."
        )
    if "ingestion_event" not in tables:
        return (
            "the database has no tables yet. Nothing was changed. "
            "Run 'python manage.py migrate' first."
        )
    return _explain_failure(error)


def _explain_failure(error: DatabaseError) -> str:
    """Of a database that can be reached."""
    if _is_disk_full(error):
        return f"the database's disk is full; {STANDS}. Free some space, then run it again."
    if _is_broken_off(error):
        return f"the connection to the database broke off; {STANDS}. Run it again."
    return (
        f"the database failed ({type(error).__name__}); {STANDS}. "
        "Run 'python manage.py migrate' if it was not run since the last upgrade, then try again."
    )


def _is_disk_full(error: DatabaseError) -> bool:
    return _code_of(error) == DISK_FULL or "disk is full" in str(error)


def _is_broken_off(error: DatabaseError) -> bool:
    """Without a code it is the driver that noticed, and not the server."""
    code = _code_of(error)
    is_drivers = connection.vendor == "postgresql" and not code
    return is_drivers or code.startswith(BROKEN_OFF)


def _code_of(error: DatabaseError) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""
