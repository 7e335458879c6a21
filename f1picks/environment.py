"""The .env file: reading it, and `python -m f1picks.environment`, which creates it."""

import io
import os
import re
import secrets
import sys
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent

ASSIGNMENT = re.compile(r"^(?:export )?([A-Za-z_][A-Za-z_0-9]*)=", re.MULTILINE)
SECRET_KEY_LINE = re.compile(r"^(?:export )?SECRET_KEY=(.*)$", re.MULTILINE)


def read_env_file(named: str, *, default: Path) -> io.StringIO:
    """The lines that set something, for django-environ, which would print one that it cannot read.

    `named` is ENV_FILE; empty means the default, which need not exist.
    """
    path = Path(named).expanduser() if named else default
    if not named and not path.exists():
        return io.StringIO()
    try:
        # utf-8-sig: editors on Windows put a byte order mark before the first name.
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ImproperlyConfigured(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError:
        raise ImproperlyConfigured(f"{path} is not UTF-8 text.") from None
    return io.StringIO("\n".join(_assignments(lines, name=path.name)))


def _assignments(lines: list[str], *, name: str) -> list[str]:
    kept = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if not ASSIGNMENT.match(text):
            raise ImproperlyConfigured(f"Line {number} of {name} is not of the form NAME=value.")
        kept.append(text)
    return kept


def read_number(name: str, text: str, *, default: int, least: int, most: int) -> int:
    """A whole number between two limits, or one line that says so."""
    text = text.strip()
    if not text:
        return default
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not (is_number and least <= int(text) <= most):
        raise ImproperlyConfigured(f"{name} is no whole number from {least} to {most}.")
    return int(text)


def variable_names(path: Path) -> list[str]:
    return ASSIGNMENT.findall(path.read_text(encoding="utf-8"))


def create_env_file(path: Path, *, example: Path) -> str:
    """Create `path` from the example; answer with what was done, empty if nothing was."""
    key = f"SECRET_KEY={secrets.token_urlsafe(50)}"
    if not path.exists():
        _write_private(path, _with_secret_key(example.read_text(encoding="utf-8"), key))
        return f"{path.name} created, with a secret key of its own."
    text = path.read_text(encoding="utf-8-sig")
    if any(value.strip(" \t'\"") for value in SECRET_KEY_LINE.findall(text)):
        return ""
    _write_private(path, _with_secret_key(text, key))
    return f"{path.name} had no secret key: a new one was added."


def _with_secret_key(text: str, key: str) -> str:
    if SECRET_KEY_LINE.search(text):
        return SECRET_KEY_LINE.sub(key, text, count=1)
    return f"{text.rstrip()}\n{key}\n".lstrip()


def _write_private(path: Path, text: str) -> None:
    """Whole or not at all: what is being replaced may hold the only copy of a password."""
    target = path.resolve()
    descriptor, scratch = tempfile.mkstemp(dir=target.parent, prefix=".env-")  # made with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(scratch).replace(target)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def main() -> None:
    done = create_env_file(ROOT / ".env", example=ROOT / ".env.example")
    if done:
        sys.stdout.write(f"{done}\n")


if __name__ == "__main__":
    main()
