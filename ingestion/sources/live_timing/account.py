"""A Formula 1 account, which live timing has required since October 2026.

FastF1 3.9 signs in when its own adapter sends a request: with the environment's credentials, else
from a prompt where a terminal is attached, and after a refusal it goes on without an account. Here
its sign-in is called with the settings' credentials, through our adapter, and a refusal is an
error.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter

from ingestion.errors import IngestionError
from ingestion.sources.addresses import is_loopback
from ingestion.sources.live_timing.streams import AccountRefused
from ingestion.sources.values import read_text

if TYPE_CHECKING:
    from fastf1.internals.f1account import SubscriptionToken, TokenManager

    from ingestion.sources.http import Adapter

# Beside FastF1's cache where a stand-in is used: its token must never replace a real one.
STAND_IN_TOKEN = "f1auth_token.json"  # noqa: S105 - a file's name


class NotServedError(LookupError):
    """Live timing answered with 400 or more. Raised in FastF1's way, which would otherwise try
    a mirror that knows no account and hide this answer behind its own."""


class Account:
    """Credentials, and the token for them, which FastF1 stores and which lasts some four days.

    Once refused it stays refused: trying again and again with a wrong password locks an account.
    """

    def __init__(
        self, adapter: "Adapter", username: str, password: str, tokens: "TokenManager"
    ) -> None:
        self._adapter = adapter
        self._username = username
        self._password = password
        self._tokens = tokens
        self._refusal = ""

    def sign_in(self) -> "SubscriptionToken":
        """The stored token while it is valid, whoever signed in for it, else a new one."""
        if self._refusal:
            raise AccountRefused(self._refusal)
        token: SubscriptionToken = self._tokens.get(auth_func=self._request_token)
        return token

    def forget_token(self) -> None:
        self._tokens.clear()

    def refuse(self, reason: str, *, status: int | None = None) -> AccountRefused:
        self._refusal = read_text(reason.replace(self._password, "***"))
        return AccountRefused(self._refusal, status=status)

    def _request_token(self) -> "SubscriptionToken":
        from fastf1.exceptions import F1AuthError

        try:
            token = self._run_fastf1s_sign_in()
        except F1AuthError as error:
            # What the server says may repeat what it was sent: not even a traceback has it.
            raise self.refuse(str(error)) from None
        except requests.HTTPError as error:
            status = error.response.status_code
            raise self.refuse(f"the sign-in was answered with {status}", status=status) from error
        except requests.JSONDecodeError as error:
            raise self.refuse("the sign-in's answer cannot be read") from error
        if not token.is_valid():
            # Each request would sign in anew.
            raise self.refuse("by this machine's clock its new token is over already")
        return token

    def _run_fastf1s_sign_in(self) -> "SubscriptionToken":
        """The steps of `fastf1.internals.f1account.login.login`, with a session that has our
        adapter.

        It also requests a current browser's name from a third party, and does without where that
        fails; we do without.
        """
        import jwt
        from fastf1.exceptions import F1AuthError
        from fastf1.internals.f1account import SubscriptionToken, discovery, login

        with requests.Session() as session:
            session.headers.update(login.DEFAULT_HEADERS)
            session.mount("https://", self._adapter)
            session.mount("http://", self._adapter)
            config = discovery.fetch_config(session)
            access = login._do_login_flow(session, config, self._username, self._password)
        try:
            claims = jwt.decode(access, options={"verify_signature": False})
        except jwt.PyJWTError as error:
            raise F1AuthError("the sign-in's token cannot be read") from error
        if not claims.get("subscriptionToken"):
            raise F1AuthError("it has no subscription")
        return SubscriptionToken.from_jwt(claims["subscriptionToken"])


class AccountAdapter(HTTPAdapter):
    """For live timing: adds the account's token to what goes through the one adapter."""

    def __init__(self, adapter: "Adapter", account: Account) -> None:
        super().__init__()
        self._adapter = adapter
        self._account = account

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        response = self._send_signed(request, kwargs)
        if response.status_code == 401:
            # It may have been withdrawn before its time.
            self._account.forget_token()
            response = self._send_signed(request, kwargs)
        if response.status_code == 401:
            raise self._account.refuse("live timing does not take its token", status=401)
        if response.status_code >= 400:
            raise NotServedError(f"live timing answered {response.status_code}")
        return response

    def _send_signed(
        self, request: requests.PreparedRequest, kwargs: dict[str, Any]
    ) -> requests.Response:
        signed = request.copy()
        # FastF1 opens a connection for each file. One serves them all, and one that the server
        # closes unannounced would look like a failure of the next file.
        signed.headers.pop("Connection", None)
        signed.headers["Authorization"] = self._account.sign_in().authorization_header
        return self._adapter.send(signed, **kwargs)


def admit_account(adapter: "Adapter", username: str, password: str, *, url: str) -> Account:
    """Let FastF1 request live timing with this account, which was refused before.

    `url` is a stand-in's on this machine, '' Formula 1's own. Raises `IngestionError` for an
    address elsewhere: the password would go there.
    """
    from fastf1 import _api
    from fastf1.internals.f1account import (
        LIVETIMING_URL,
        TokenManager,
        discovery,
        login,
        token_manager,
    )
    from fastf1.req import Cache

    tokens, prefix = token_manager, LIVETIMING_URL
    if url:
        url = url.rstrip("/")
        if not is_loopback(url):
            raise IngestionError(
                "LIVE_TIMING_URL has to be an address of this machine: the account's password and "
                "token are sent there"
            )
        # Its streams and its sign-in, so that a rehearsal reaches no real server.
        _api.base_url = _api.base_url_mirror = url
        discovery.CONFIG_SCRIPT_URL = f"{url}/scripts/main.min.js"
        login.IDP_ORIGIN = url
        login.AUTHORIZE_URL = f"{url}/as/authorize"
        login.TOKEN_URL = f"{url}/as/token"
        prefix = f"{url}/static/"
        tokens = TokenManager(_never_prompt, Path(Cache._CACHE_DIR) / STAND_IN_TOKEN)
    account = Account(adapter, username, password, tokens)
    # Not on the cached session: what live timing says is never kept.
    Cache._requests_session.mount(prefix, AccountAdapter(adapter, account))
    return account


def _never_prompt() -> "SubscriptionToken":
    raise AccountRefused("no password is prompted for")
