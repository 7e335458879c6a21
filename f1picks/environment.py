"""The .env file, and values of the environment, refused by name where they cannot be used.

`python -m f1picks.environment` creates the file.
"""

import io
import os
import re
import secrets
import sys
import tempfile
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent

ASSIGNMENT = re.compile(r"^(?:export )?([A-Za-z_][A-Za-z_0-9]*)=", re.MULTILINE)
COMMENT = re.compile(r"(?:^|\s)#")
SWITCHES = {
    **dict.fromkeys(("on", "yes", "true", "1", "y", "t", "ok"), True),
    **dict.fromkeys(("off", "no", "false", "0", "n", "f", ""), False),
}
SECRET_KEY_LINE = re.compile(r"^(?:export )?SECRET_KEY=(.*)$", re.MULTILINE)


def expand_home(name: str, text: str) -> Path:
    path = Path(os.path.expanduser(text))  # noqa: PTH111 - Path's own fails without a home folder
    if path.parts[:1] and path.parts[0].startswith("~"):
        raise ImproperlyConfigured(f"{name} begins with ~, and that account has no home folder.")
    return path


class Environment(environ.Env):  # type: ignore[misc]
    """Variables by name, refused by name where their values cannot be used: no message has a value.

    django-environ itself takes a value that starts with `$` for another variable's name, and
    anything that is not yes for no.
    """

    def secret(self, name: str) -> str:
        """Exactly as it is written: a password may hold a # or spaces."""
        value: str = self.ENVIRON.get(name, "")
        return value

    def text(self, name: str) -> str:
        value = self.secret(name)
        if COMMENT.search(value):
            raise ImproperlyConfigured(
                f"{name} has a comment behind its value; a comment needs a line of its own."
            )
        return value.strip()

    def texts(self, name: str) -> list[str]:
        """Separated by commas."""
        return [part.strip() for part in self.text(name).split(",") if part.strip()]

    def switch(self, name: str) -> bool:
        """Empty is off."""
        value = self.text(name).lower()
        if value not in SWITCHES:
            raise ImproperlyConfigured(f"{name} is neither on nor off.")
        return SWITCHES[value]

    def choice(self, name: str, first: str, *others: str) -> str:
        """One of these; empty is the first."""
        value = self.text(name).lower() or first
        if value not in (first, *others):
            raise ImproperlyConfigured(f"{name} is none of {', '.join((first, *others))}.")
        return value

    def number(self, name: str, *, default: int, least: int, most: int) -> int:
        """A whole number between two limits."""
        value = self.text(name)
        if not value:
            return default
        is_number = value.isascii() and value.isdigit() and len(value) <= len(str(most))
        if not (is_number and least <= int(value) <= most):
            raise ImproperlyConfigured(f"{name} is no whole number from {least} to {most}.")
        return int(value)


def read_env_file(named: str, *, default: Path) -> io.StringIO:
    """The lines that set something, for django-environ, which would print one that it cannot read.

    `named` is ENV_FILE; empty means the default, which need not exist.
    """
    path = expand_home("ENV_FILE", named) if named else default
    if not named and not path.exists():
        return io.StringIO()
    try:
        # utf-8-sig: editors on Windows put a byte order mark before the first name.
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ImproperlyConfigured(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError:
        raise ImproperlyConfigured(f"{path} is not UTF-8 text.") from None
    assignments = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text and not text.startswith("#"):
            if not ASSIGNMENT.match(text):
                raise ImproperlyConfigured(
                    f"Line {number} of {path.name} is not of the form NAME=value."
                )
            assignments.append(text)
    return io.StringIO("\n".join(assignments))


def variable_names(path: Path) -> list[str]:
    return ASSIGNMENT.findall(path.read_text(encoding="utf-8"))


def create_env_file(path: Path, *, example: Path) -> str:
    """Create `path` from the example; returns what was done, empty if nothing was."""
    is_new = not path.exists()
    text = (example if is_new else path).read_text(encoding="utf-8-sig")
    if any(value.strip(" \t'\"") for value in SECRET_KEY_LINE.findall(text)):
        return ""
    line = f"SECRET_KEY={secrets.token_urlsafe(50)}"
    if SECRET_KEY_LINE.search(text):
        text = SECRET_KEY_LINE.sub(line, text, count=1)
    else:
        text = f"{text.rstrip()}\n{line}\n".lstrip()
    # Whole or not at all: what is being replaced may hold the only copy of a password.
    target = path.resolve()
    descriptor, scratch = tempfile.mkstemp(dir=target.parent, prefix=".env-")  # made with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(scratch).replace(target)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
    if is_new:
        return f"{path.name} created, with a secret key of its own."
    return f"{path.name} had no secret key: a new one was added."


if __name__ == "__main__":
    done = create_env_file(ROOT / ".env", example=ROOT / ".env.example")
    if done:
        sys.stdout.write(f"{done}\n")
