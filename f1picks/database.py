"""DATABASE_URL as Django's settings.

No message here holds a piece of the address: in a malformed one any piece may be the password.
That is also why django-environ does not parse it (it warns with the whole of what it does not
understand, and the port's ValueError quotes a password with an unescaped `/`).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from urllib.parse import SplitResult, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

DEFAULT_URL = "sqlite:///db.sqlite3"

POSTGRES_SCHEMES = {"postgres", "postgresql", "psql", "pgsql"}
# SQLAlchemy's `+driver`; which driver is ours to say.
DRIVERS = {"", "asyncpg", "psycopg", "psycopg2"}

# asyncpg's own and those of SQLAlchemy's dialect for it: not libpq's, and safe to name.
ASYNCPG_OPTIONS = {
    "async_creator_fn",
    "async_fallback",
    "command_timeout",
    "connection_class",
    "direct_tls",
    "loop",
    "max_cacheable_statement_size",
    "max_cached_statement_lifetime",
    "prepared_statement_cache_size",
    "prepared_statement_name_func",
    "record_class",
    "server_settings",
    "servicefile",
    "statement_cache_size",
    "timeout",
}
SSL_MODES = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
SSL_SWITCH = {
    **dict.fromkeys(("true", "1", "yes", "on"), "require"),
    **dict.fromkeys(("false", "0", "no", "off"), "disable"),
}
# libpq's names for what Django has settings of its own for; asyncpg says `database`.
SETTING_OF_OPTION = {
    "dbname": "NAME",
    "database": "NAME",
    "user": "USER",
    "password": "PASSWORD",
    "host": "HOST",
    "port": "PORT",
}
HOST_AND_PORT = re.compile(r"(?P<host>\[[^\[\]]+\]|[^:\[\]]*)(?::(?P<port>[0-9]{0,5}))?")
# Django refuses a longer name with a message that quotes it.
LONGEST_NAME = 63


class Database(NamedTuple):
    settings: dict[str, Any]
    notices: list[str]


def parse_database_url(url: str, *, base_dir: Path) -> Database:
    """Empty means the default. Raises ImproperlyConfigured."""
    try:
        parts = urlsplit(url.strip() or DEFAULT_URL)
    except ValueError:
        _refuse("its host cannot be read")
    scheme, _, driver = parts.scheme.partition("+")
    if parts.fragment:
        _refuse("it holds a #")
    if parts.scheme == "sqlite":
        return _sqlite(parts, base_dir=base_dir)
    if scheme not in POSTGRES_SCHEMES or driver not in DRIVERS:
        _refuse("it begins with neither sqlite:// nor postgresql://")
    return _postgres(parts)


def _refuse(reason: str) -> NoReturn:
    raise ImproperlyConfigured(
        f"DATABASE_URL cannot be used: {reason}. It should look like {DEFAULT_URL} or "
        "postgresql://user:password@host:5432/name, with special characters percent-encoded."
    ) from None


def _sqlite(parts: SplitResult, *, base_dir: Path) -> Database:
    """sqlite:///relative/to/the/project or sqlite:////absolute."""
    if parts.netloc:
        _refuse("sqlite:// wants three slashes before a file's name, four before an absolute path")
    name = _decode(parts.path.removeprefix("/"))
    if not name:
        _refuse("it names no file")
    return Database(
        {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": name if name == ":memory:" else str(base_dir / name),
            "OPTIONS": {
                # Writers queue: each takes the lock as it begins, and waits this long for it.
                # A deferred transaction that turns into a writer fails at once instead.
                "timeout": 60,
                "transaction_mode": "IMMEDIATE",
                # NORMAL is safe in WAL against all but losing the last commits in a power cut.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
            },
        },
        ["DATABASE_URL: options are not used with SQLite."] if parts.query else [],
    )


def _postgres(parts: SplitResult) -> Database:
    userinfo, _, hosts = parts.netloc.rpartition("@")
    user, _, password = userinfo.partition(":")
    host, port = _hosts(hosts)
    settings = {
        "NAME": _database_name(parts.path),
        "USER": _decode(user),
        "PASSWORD": _decode(password),
        "HOST": host,
        "PORT": port,
    }
    given = dict(_query(parts.query))
    settings |= {
        SETTING_OF_OPTION[name]: given.pop(name) for name in SETTING_OF_OPTION if name in given
    }
    options, notices = _options(given)
    if not settings["NAME"] and "service" not in options:
        _refuse("it names no database")
    if len(settings["NAME"]) > LONGEST_NAME:
        _refuse(f"the database's name is longer than {LONGEST_NAME} characters")
    return Database(
        {
            "ENGINE": "django.db.backends.postgresql",
            **settings,
            "OPTIONS": {"connect_timeout": 10, **options},
            "CONN_HEALTH_CHECKS": True,
            # A pooler gives each transaction another connection: no cursor outlives one. (Django
            # 5.2 prepares no statements with psycopg 3 unless it is told to.)
            "DISABLE_SERVER_SIDE_CURSORS": True,
        },
        notices,
    )


def _hosts(text: str) -> tuple[str, str]:
    """libpq's lists: host1:port1,host2:port2 is ("host1,host2", "port1,port2")."""
    hosts, ports = [], []
    for part in text.split(","):
        match = HOST_AND_PORT.fullmatch(part)
        if match is None:
            _refuse("its host and port are not host:number")
        hosts.append(_decode(match["host"].strip("[]")))
        ports.append(match["port"] or "")
    if any(port and not 0 < int(port) < 65536 for port in ports):
        _refuse("its port is not one")
    return ",".join(hosts), ",".join(ports) if any(ports) else ""


def _database_name(path: str) -> str:
    name = path.removeprefix("/")
    if "/" in name or "@" in name:
        _refuse("a character of its password or name is not percent-encoded")
    return _decode(name)


def _query(text: str) -> Iterator[tuple[str, str]]:
    """As libpq reads it: unlike in a web form, + is a plus."""
    for part in filter(None, text.split("&")):
        name, equals, value = part.partition("=")
        if not equals:
            _refuse("one of its options has no value")
        yield _decode(name), _decode(value)


def _decode(text: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        _refuse("its percent-encoding is not UTF-8")
    if "\0" in decoded:
        _refuse("it holds a NUL")
    return decoded


def _options(given: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    if "ssl" in given:
        given.setdefault("sslmode", _ssl_mode(given.pop("ssl")))
    known = _libpq_options()
    kept: dict[str, Any] = {name: value for name, value in given.items() if name in known}
    if kept.get("sslmode", "prefer") not in SSL_MODES:
        _refuse("its sslmode is none of libpq's")
    if "connect_timeout" in kept:
        kept["connect_timeout"] = _seconds(kept["connect_timeout"])
    return kept, _notices(given.keys() - kept.keys())


def _ssl_mode(value: str) -> str:
    """asyncpg's `ssl`: a switch, or a mode's name as libpq or its enum spells it."""
    mode = SSL_SWITCH.get(value.lower(), value.lower().replace("_", "-"))
    if mode not in SSL_MODES:
        _refuse("its option ssl is neither true, false nor the name of a mode")
    return mode


def _seconds(value: str) -> int:
    if not re.fullmatch("[0-9]{1,6}", value):
        _refuse("its connect_timeout is not a number of seconds")
    return int(value)


def _libpq_options() -> set[str]:
    """Asked of the installed libpq, which knows more with every version."""
    from psycopg import pq  # not needed, so not loaded, with SQLite

    return {option.keyword.decode() for option in pq.Conninfo.get_defaults()}


def _notices(unused: set[str]) -> list[str]:
    named = sorted(unused & ASYNCPG_OPTIONS)
    if any(name.lower().startswith("ssl") for name in unused):
        # Dropping a misspelt `sslmode=verify-full` would be a connection less safe than asked for.
        _refuse("libpq does not know one of its ssl options")
    notices = [f"DATABASE_URL: {name} is an option of asyncpg and is not used." for name in named]
    if unused - ASYNCPG_OPTIONS:
        notices.append("DATABASE_URL: options that PostgreSQL's libpq does not know are not used.")
    return notices
