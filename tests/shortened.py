"""Which cases of a long table are run each time; the others are among the long proofs."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def shortened(values: Iterable[Any], keep: int | Collection[Any]) -> list[Any]:
    """For `parametrize`: the first ones or those that are named stay in the suite, the others are
    marked `long`."""
    cases = []
    for index, value in enumerate(values):
        is_kept = index < keep if isinstance(keep, int) else value in keep
        arguments = value if isinstance(value, tuple) else (value,)
        cases.append(pytest.param(*arguments, marks=[] if is_kept else pytest.mark.long))
    return cases
