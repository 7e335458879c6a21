"""A plugin of pytest, for the proofs that are tests: without the guard that is named."""

from tests.proofs.guards import take_out_named


def pytest_collection_finish() -> None:
    """By now Django is set up, and no test has run."""
    take_out_named()
