"""DATABASE_URL as Django's settings.

No message here holds a piece of the address: in a malformed one any piece may be the password.
"""

import warnings
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

DEFAULT_URL = "sqlite:///db.sqlite3"
POSTGRES_SCHEMES = {"postgres", "postgresql", "psql", "pgsql"}
# What SQLAlchemy's addresses name after a +; the driver here is always psycopg.
DRIVERS = {"", "asyncpg", "psycopg", "psycopg2"}
# Options of asyncpg and of SQLAlchemy's dialect for it that libpq does not have: safe to name.
ASYNCPG_OPTIONS = {
    *("async_fallback", "command_timeout", "direct_tls", "max_cacheable_statement_size"),
    *("max_cached_statement_lifetime", "prepared_statement_cache_size"),
    *("prepared_statement_name_func", "server_settings", "statement_cache_size", "timeout"),
}
SSL_MODES = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
SSL_SWITCH = {
    **dict.fromkeys(("true", "1", "yes", "on"), "require"),
    **dict.fromkeys(("false", "0", "no", "off"), "disable"),
}
# Django has settings of its own for these options of libpq; asyncpg says `database`.
SETTING_OF_OPTION = {
    "dbname": "NAME",
    "database": "NAME",
    "user": "USER",
    "password": "PASSWORD",
    "host": "HOST",
    "port": "PORT",
}
# Django refuses a longer name with a message that quotes it.
LONGEST_NAME = 63


class Database(NamedTuple):
    settings: dict[str, Any]
    notices: list[str]


def parse_database_url(url: str, *, base_dir: Path) -> Database:
    """Empty means the default. Raises ImproperlyConfigured."""
    scheme, _, rest = (url.strip() or DEFAULT_URL).partition("://")
    scheme, _, driver = scheme.lower().partition("+")
    is_sqlite = scheme == "sqlite" and not driver
    if not is_sqlite and (scheme not in POSTGRES_SCHEMES or driver not in DRIVERS):
        _refuse("it begins with neither sqlite:// nor postgresql://")
    if "#" in rest:
        _refuse("it holds a #")
    # In an address, unlike in a web form, a + is a plus.
    address, _, query = rest.replace("+", "%2B").partition("?")
    try:
        # django-environ would encode once more what this refuses, the password included.
        host = urlsplit(f"{scheme}://{address}").netloc.rpartition("@")[2]
        options = dict(parse_qsl(query, strict_parsing=True, errors="strict")) if query else {}
        with warnings.catch_warnings():
            # django-environ warns of what it does not understand, quoting it.
            warnings.simplefilter("error")
            config = environ.Env.db_url_config(
                f"{scheme}://{address}{'' if '/' in address else '/'}"
            )
    except Exception:  # noqa: BLE001 - whatever a library raises about an address may quote it
        _refuse("it cannot be read, or one of its options has no value")
    if is_sqlite:
        return _sqlite(address, config["NAME"], has_options=bool(options), base_dir=base_dir)
    return _postgres(host, config, options)


def _refuse(reason: str) -> NoReturn:
    raise ImproperlyConfigured(
        f"DATABASE_URL cannot be used: {reason}. It should look like {DEFAULT_URL} or "
        "postgresql://user:password@host:5432/name, with special characters percent-encoded."
    ) from None


def _sqlite(address: str, name: str, *, has_options: bool, base_dir: Path) -> Database:
    """sqlite:///relative/to/the/project or sqlite:////absolute."""
    # django-environ takes an address without a file for a database in memory.
    if not address.removeprefix("/"):
        _refuse("it names no file")
    if "\0" in name or "\ufffd" in name:
        _refuse("its percent-encoding cannot be read")
    settings = {
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
    }
    notices = ["DATABASE_URL: options are not used with SQLite."] if has_options else []
    return Database(settings, notices)


def _postgres(host: str, config: dict[str, Any], given: dict[str, str]) -> Database:
    from psycopg import IsolationLevel  # neither needed nor loaded with SQLite

    settings = {name: str(config[name]) for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
    if "%" in settings["HOST"]:
        # A socket's folder; django-environ leaves it encoded, and in lower case.
        settings["HOST"] = unquote(host)
    if any(mark in settings["NAME"] for mark in "/@"):
        _refuse("a character of its password or name is not percent-encoded")
    if settings["PORT"] and settings["PORT"].count(",") != settings["HOST"].count(","):
        _refuse("some of its hosts have a port and some have none")
    for option, name in SETTING_OF_OPTION.items():
        settings[name] = given.pop(option, settings[name])
    options, notices = _options(given)
    if not settings["NAME"] and "service" not in options:
        _refuse("it names no database")
    if len(settings["NAME"]) > LONGEST_NAME:
        _refuse(f"the database's name is longer than {LONGEST_NAME} characters")
    texts = [*settings.values(), *map(str, options.values())]
    if any(mark in text for text in texts for mark in "\0\ufffd"):
        _refuse("its percent-encoding cannot be read")
    complete = {
        **settings,
        "ENGINE": "django.db.backends.postgresql",
        # Ingests that run at once rely on it; a server may have another default.
        "OPTIONS": {
            "connect_timeout": 10,
            "isolation_level": IsolationLevel.READ_COMMITTED,
            **options,
        },
        "CONN_HEALTH_CHECKS": True,
        # A pooler gives each transaction another connection: no cursor outlives one. (Django
        # 5.2 prepares no statements with psycopg 3 unless a setting says so.)
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }
    return Database(complete, notices)


def _options(given: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Those that the installed libpq knows, and notices about the others."""
    from psycopg import pq

    if "ssl" in given:
        ssl = given.pop("ssl").lower()
        # asyncpg takes a switch, or a mode's name as libpq or its own enum spells it.
        given.setdefault("sslmode", SSL_SWITCH.get(ssl, ssl.replace("_", "-")))
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    kept: dict[str, Any] = {name: value for name, value in given.items() if name in known}
    if kept.get("sslmode", "prefer") not in SSL_MODES:
        _refuse("its option ssl or sslmode is neither a switch nor the name of a mode")
    if "connect_timeout" in kept:
        if not (kept["connect_timeout"].isascii() and kept["connect_timeout"].isdigit()):
            _refuse("its connect_timeout is not a number of seconds")
        kept["connect_timeout"] = int(kept["connect_timeout"][:6])
    dropped = given.keys() - kept.keys()
    if any(name.lower().startswith("ssl") for name in dropped):
        # Dropping a misspelt `sslmode=verify-full` would make the connection less safe.
        _refuse("libpq does not know one of its ssl options")
    notices = [
        f"DATABASE_URL: {name} is an option of asyncpg and is not used."
        for name in sorted(dropped & ASYNCPG_OPTIONS)
    ]
    if dropped - ASYNCPG_OPTIONS:
        notices.append("DATABASE_URL: options that PostgreSQL's libpq does not know are not used.")
    return kept, notices
