"""What commands say of a database that fails them."""

from django.db import DatabaseError, connection


def explain_database(error: DatabaseError) -> str:
    """What a failing database means; the driver's own text may hold an address."""
    try:
        connection.ensure_connection()
        tables = connection.introspection.table_names()
    except DatabaseError:
        return (
            "the database cannot be reached. Nothing was changed. "
            "Check that it runs and that DATABASE_URL names it, then run it again."
        )
    if "ingestion_event" not in tables:
        return (
            "the database has no tables yet. Nothing was changed. "
            "Run 'python manage.py migrate' first."
        )
    kind = type(error).__name__
    return (
        f"the database failed ({kind}); what was not saved yet was not changed. "
        "Run 'python manage.py migrate' if it was not run since the last upgrade, then try again."
    )
