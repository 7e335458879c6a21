"""The account that live timing asks for: FastF1's own sign-in, through our adapter."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from f1picks.environment import ROOT
from ingestion.errors import IngestionError, SourceUnavailable
from ingestion.sources.live_timing import AccountRefused, LiveTiming
from ingestion.sources.live_timing.streams import STREAMS_OF_QUALIFYINGS, fetch_index
from tests.fastf1_limits import connect
from tests.live_upstream import (
    PASSWORD,
    SIGN_IN,
    USERNAME,
    LiveUpstream,
    on_a_terminal,
    open_live_source,
    open_source_with_right_password,  # noqa: F401
    restore_addresses,  # noqa: F401
    start_live_upstream,  # noqa: F401
)

ALL = "/static/2024/*"


def read_index(live_timing: LiveTiming) -> None:
    fetch_index(live_timing._adapter, live_timing.account, 2024)


def test_the_password_is_sent_once_in_four_days(
    live_timing: LiveTiming, live_upstream: LiveUpstream, tmp_path: Path
) -> None:
    read_index(live_timing)
    file = tmp_path / "cache" / "f1auth_token.json"
    assert file.stat().st_mode & 0o777 == 0o600
    live_upstream.clear_requests()
    again = open_live_source(live_upstream, tmp_path / "cache", password="never needed")
    read_index(again)
    assert live_upstream.asked() == ["2024/Index.json"]


def test_a_token_that_is_over_is_bought_again(
    live_timing: LiveTiming, live_upstream: LiveUpstream, tmp_path: Path
) -> None:
    store_token(tmp_path, "old", expires_at=time.time() + 60)
    read_index(live_timing)
    assert live_upstream.asked() == [*SIGN_IN, "2024/Index.json"]


def store_token(folder: Path, value: str, *, expires_at: float) -> None:
    """As FastF1 does."""
    stored = {"version": 1, "value": value, "expires_at": expires_at}
    (folder / "cache" / "f1auth_token.json").write_text(json.dumps(stored))


def test_a_token_that_is_over_when_it_comes_is_a_refusal(
    live_timing: LiveTiming, live_upstream: LiveUpstream
) -> None:
    live_upstream.token_lasts = 60.0
    with pytest.raises(AccountRefused, match="by this machine's clock"):
        read_index(live_timing)
    assert live_upstream.asked() == SIGN_IN


def test_a_token_that_was_withdrawn_is_bought_again(
    live_timing: LiveTiming, live_upstream: LiveUpstream
) -> None:
    read_index(live_timing)
    live_upstream.tokens.clear()
    live_upstream.clear_requests()
    read_index(live_timing)
    assert live_upstream.asked() == ["2024/Index.json", *SIGN_IN, "2024/Index.json"]


def test_a_new_token_that_is_not_taken_either_is_a_refusal(
    live_timing: LiveTiming, live_upstream: LiveUpstream
) -> None:
    live_upstream.fault(ALL, status=401)
    with pytest.raises(AccountRefused, match="live timing does not take its token") as refused:
        read_index(live_timing)
    assert refused.value.status == 401
    assert live_upstream.asked() == [*SIGN_IN, "2024/Index.json"] * 2


def test_a_wrong_password_is_one_error(
    live_upstream: LiveUpstream, tmp_path: Path, addresses_restored: None
) -> None:
    live_timing = open_live_source(live_upstream, tmp_path / "cache", password="horse, correct")
    for _ in range(3):
        with pytest.raises(AccountRefused) as refused:
            read_index(live_timing)
        assert str(refused.value) == (
            "the Formula 1 account was refused: Incorrect username or password (***)"
        )
        assert "F1_PASSWORD" in refused.value.advice
    # An account that is tried again and again is locked.
    assert live_upstream.asked() == SIGN_IN[:3]


def test_an_account_without_a_subscription_is_refused(
    live_timing: LiveTiming, live_upstream: LiveUpstream
) -> None:
    live_upstream.has_subscription = False
    with pytest.raises(AccountRefused, match="it has no subscription"):
        read_index(live_timing)
    assert live_upstream.asked() == SIGN_IN


@pytest.mark.parametrize(
    ("path", "fault", "message"),
    [
        (SIGN_IN[0], {"status": 403}, "the sign-in was answered with 403"),
        (SIGN_IN[0], {"body": b"x={}"}, "No config object found"),
        (SIGN_IN[1], {"status": 503}, "the sign-in was answered with 503"),
        (SIGN_IN[1], {"html": True}, "the sign-in's answer cannot be read"),
        (SIGN_IN[1], {"json": {}}, "Unexpected response when starting"),
        (SIGN_IN[2], {"html": True}, "Unexpected response from the sign-in"),
        (SIGN_IN[3], {"json": {}}, "No access token in the token response"),
        (SIGN_IN[3], {"json": {"access_token": "?"}}, "token cannot be read"),
    ],
)
def test_a_sign_in_that_fails_says_what_happened(
    live_timing: LiveTiming,
    live_upstream: LiveUpstream,
    path: str,
    fault: dict[str, Any],
    message: str,
) -> None:
    live_upstream.fault(path, **fault)
    with pytest.raises(AccountRefused, match=message):
        read_index(live_timing)


@pytest.mark.parametrize("path", SIGN_IN)
def test_a_sign_in_that_breaks_off_is_no_refusal(
    live_timing: LiveTiming, live_upstream: LiveUpstream, path: str
) -> None:
    live_upstream.fault(path, reset=True, times=1)
    with pytest.raises(SourceUnavailable, match="cannot be reached or broke off") as raised:
        read_index(live_timing)
    assert not isinstance(raised.value, AccountRefused)
    read_index(live_timing)


def test_the_password_goes_to_formula_1_or_to_this_machine(
    live_upstream: LiveUpstream, tmp_path: Path, addresses_restored: None
) -> None:
    for elsewhere in ("https://live.example.org", "http://127.0.0.1.example.org/", "localhost"):
        with pytest.raises(IngestionError, match="has to be an address of this machine"):
            open_live_source(live_upstream, tmp_path / "cache", url=elsewhere)


def test_connecting_makes_no_request(
    live_upstream: LiveUpstream, tmp_path: Path, addresses_restored: None
) -> None:
    from fastf1 import _api
    from fastf1.internals.f1account import LIVETIMING_URL
    from fastf1.req import Cache

    connect(live_upstream, tmp_path / "cache", f1_username=USERNAME, f1_password=PASSWORD)
    address = f"{_api.base_url}/static/2024/Index.json"
    assert address.startswith(LIVETIMING_URL)
    assert type(Cache._requests_session.get_adapter(address)).__name__ == "AccountAdapter"
    # What live timing says is never kept.
    assert Cache._requests_session_cached is not None
    assert type(Cache._requests_session_cached.get_adapter(address)).__name__ == "RefusingAdapter"
    assert live_upstream.requests == []


def test_the_installed_fastf1_has_what_the_sign_in_uses() -> None:
    from fastf1 import _api
    from fastf1.internals.f1account import TokenManager, discovery, login, token_manager

    assert (_api.base_url, _api.base_url_mirror) == (
        "https://livetiming.formula1.com",
        "https://livetiming-mirror.fastf1.dev",
    )
    assert discovery.CONFIG_SCRIPT_URL.startswith("https://account.formula1.com/")
    assert login.AUTHORIZE_URL.startswith(login.IDP_ORIGIN)
    assert login.TOKEN_URL.startswith(login.IDP_ORIGIN)
    assert isinstance(token_manager, TokenManager)
    assert token_manager._token_path.name == "f1auth_token.json"
    assert set(STREAMS_OF_QUALIFYINGS.values()) | {"index"} <= _api.pages.keys()
    assert {
        _api.pages[page].removesuffix(".jsonStream"): page
        for page in STREAMS_OF_QUALIFYINGS.values()
    } == STREAMS_OF_QUALIFYINGS


def test_the_token_that_fastf1s_own_command_stored_is_used(
    live_upstream: LiveUpstream, tmp_path: Path, addresses_restored: None
) -> None:
    live_timing = open_live_source(live_upstream, tmp_path / "cache", password="wrong")
    store_token(tmp_path, live_upstream.make_token(), expires_at=time.time() + 3600)
    read_index(live_timing)
    assert live_upstream.asked() == ["2024/Index.json"]


REFUSED = """
import sys
from pathlib import Path
from ingestion.records import Source
from ingestion.sessions import SessionType
from ingestion.sources import ClassificationQuery, SourceConfig, connect
from ingestion.sources.live_timing import AccountRefused

assert sys.stdin.isatty()
config = SourceConfig(
    Path(sys.argv[1]), f1_username="someone", f1_password="wrong", live_timing_url=sys.argv[2]
)
live_timing = connect(config, reserve=lambda *_: None).named(Source.LIVE_TIMING)
try:
    live_timing.fetch_classifications(ClassificationQuery(2024, SessionType.RACE), fresh=True)
except AccountRefused as error:
    print(error)
"""


def test_a_refused_account_does_not_prompt_on_a_terminal(
    live_upstream: LiveUpstream, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", REFUSED, str(tmp_path / "cache"), live_upstream.address]
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }
    done = on_a_terminal(command, tmp_path, env)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == (
        "the Formula 1 account was refused: Incorrect username or password (***)"
    )
    assert "account password:" not in done.stdout
