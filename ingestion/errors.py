"""What can go wrong between an upstream and the database.

Each message is written for a person and holds neither passwords nor tracebacks.
"""

import re
from datetime import datetime

# What a terminal obeys, what is invisible or changes the direction of text, halves of pairs.
CONTROL_CHARACTERS = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def show_control_characters(text: str, *, keep: str = "") -> str:
    r"""As \x1b and the like: a name must not move a terminal's cursor or turn a line around."""

    def escape(found: re.Match[str]) -> str:
        return found[0] if found[0] in keep else found[0].encode("unicode_escape").decode()

    return CONTROL_CHARACTERS.sub(escape, text)


class IngestionError(Exception):
    """Base of everything that the ingestion raises on purpose; `advice` says what to do next."""

    advice = ""
    # Neither has an upstream failed nor is anything of ours broken.
    is_no_fault = False


class WrongRequest(IngestionError):
    """What was requested does not exist or does not fit together; trying again is no use.

    `about` names the part that is wrong, '' where it is no single one.
    """

    is_no_fault = True

    def __init__(self, message: str, *, about: str = "") -> None:
        super().__init__(message)
        self.about = about


class ChangedMeanwhile(WrongRequest):
    """Something arrived since the person looked: nothing was done, it has to be looked at again."""


class SourceUnavailable(IngestionError):
    """The upstream could not be reached, or refused: too slow, 4xx, 5xx.

    `status` is the HTTP status, None where there was no response.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        addresses = "F1_SCHEDULE_URL and JOLPICA_URL where they are set"
        if status is None:
            self.advice = f"Check the network, and {addresses}; then run it again"
        elif status < 500:
            self.advice = f"Check the season, and {addresses}; then run it again"
        else:
            self.advice = "The server has trouble of its own: run it again later"


class SourceRateLimited(SourceUnavailable):
    """A request now would exceed, or has exceeded, the upstream's limit.

    `retry_at` is when a request can succeed again, None where that is not known.
    """

    def __init__(
        self, message: str, *, status: int | None = None, retry_at: datetime | None = None
    ) -> None:
        super().__init__(message, status=status)
        self.retry_at = retry_at
        # The hour's budget, or FastF1's own limit: no request was sent.
        self.is_no_fault = status is None
        when = f"after {retry_at:%H:%M} UTC" if retry_at is not None else "in an hour"
        self.advice = f"Run it again {when}: it continues with what is missing"


class ResultsNotReady(IngestionError):
    """The upstream responds, and has no usable classification of the session yet."""

    advice = "Run it again later"
    # Until when (UTC) the upstream would answer the same again, None where it does not say.
    expires_at: datetime | None = None
    # It answers nothing at present, whatever it has.
    is_not_now = False


class BadSourceData(IngestionError):
    """The upstream sent something that must not reach the database."""

    advice = "Run it again later, with --refresh where the answer may come from the cache"
    # Until when (UTC) the upstream would send the same again, None where it does not say.
    expires_at: datetime | None = None


class QueueUnavailable(IngestionError):
    """What keeps the task queue does not respond: the task was not queued, try again."""

    advice = "See that it runs (Redis, where REDIS_URL is set), then try again"
