"""The rows in which two classifications of one session differ."""

from collections.abc import Sequence

from ingestion.models import Event, Result
from ingestion.records import RESULT_FIELDS, ResultRecord
from ingestion.save.rows import Plan

Key = tuple[str, int | None]


def plan_rows(event: Event, saved: Sequence[Result], records: Sequence[ResultRecord]) -> Plan:
    """The rows to write, none where the saved ones say the same. Rows that stay keep their keys,
    also of a driver whose identifier changed at the upstream."""
    plan = Plan()
    reported = {_key(record) for record in records}
    left = {_key(row): row for row in saved}
    for record in records:
        row = left.pop(_key(record), None) or _renamed_row(left, record, reported)
        values = {name: getattr(record, name) for name in RESULT_FIELDS}
        if row is None:
            plan.new_results.append(Result(event=event, **values))
        elif any(getattr(row, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(row, name, value)
            plan.changed_results.append(row)
    plan.gone_results = list(left.values())
    return plan


def _renamed_row(
    left: dict[Key, Result], record: ResultRecord, reported: set[Key]
) -> Result | None:
    """By name and number, among the rows whose identifier the upstream no longer has."""
    for key, row in left.items():
        is_same = (row.driver_name, row.driver_number) == (
            record.driver_name,
            record.driver_number,
        )
        if is_same and record.driver_number is not None and key not in reported:
            return left.pop(key)
    return None


def _key(entry: Result | ResultRecord) -> Key:
    return entry.driver_id, entry.driver_number
