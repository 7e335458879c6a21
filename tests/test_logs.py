"""Log lines as people and machines get them."""

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from f1picks.logs import logging_config
from f1picks.masking import mask_text
from tests.project import Project

pytestmark = pytest.mark.project

MARK = "hunter2marked"
ADDRESS = f"postgresql://picks:{MARK}@db.example:5432/picks"

# One line from each kind of writer that a process of ours has.
CODE = f"""
import logging, warnings
log = logging.getLogger("ingestion.pipeline")
log.info("season %s saved", 2024, extra={{"season": 2024, "event": "monaco", "dsn": {ADDRESS!r}}})
log.debug("below the level")
logging.getLogger("fastf1.req").setLevel(logging.DEBUG)
logging.getLogger("fastf1.req").debug("below the level too")
logging.getLogger("fastf1.req").warning("schedule not loaded")
logging.getLogger("django.request").error("no such page", extra={{"status_code": 404}})
logging.getLogger("requests_cache").warning("unwanted")
logging.getLogger("urllib3.connectionpool").info("unwanted")
warnings.warn("old ways", DeprecationWarning)
try:
    raise OSError("cannot reach {ADDRESS}")
except OSError:
    log.exception("failed", extra={{"password": {MARK!r}}})
"""


def formatted(style: str, message: str, *args: object, **extra: object) -> str:
    formatter = dict(logging_config(level="INFO", style=style)["formatters"]["fields"])
    record = logging.getLogger("ingestion.sources").makeRecord(
        "ingestion.sources", logging.WARNING, "http.py", 1, message, args, None, extra=extra
    )
    text: str = formatter.pop("()")(**formatter).format(record)
    return text


def fields(message: str, *args: object, **extra: object) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(formatted("json", message, *args, **extra))
    return line


@pytest.mark.once
def test_each_json_line_of_every_writer_parses(unmigrated_project: Project) -> None:
    ran = unmigrated_project.manage(
        "shell", "-v0", "-c", CODE, env={"LOG_FORMAT": "json", "PYTHONWARNINGS": "default"}
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == ""
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [(line["logger"], line["level"]) for line in lines] == [
        ("ingestion.pipeline", "info"),
        ("fastf1.req", "warning"),
        ("django.request", "error"),
        ("py.warnings", "warning"),
        ("ingestion.pipeline", "error"),
    ]
    assert lines[0] | {"timestamp": ""} == {
        "message": "season 2024 saved",
        "season": 2024,
        "event": "monaco",
        "dsn": "postgresql://picks:***@db.example:5432/picks",
        "level": "info",
        "logger": "ingestion.pipeline",
        "timestamp": "",
    }
    written = datetime.fromisoformat(lines[0]["timestamp"])
    assert written.tzinfo == UTC
    assert "DeprecationWarning: old ways" in lines[3]["message"]
    assert "OSError: cannot reach postgresql://picks:***@db.example" in lines[4]["exception"]
    assert MARK not in ran.stderr


@pytest.mark.once
def test_console_lines_go_to_standard_error_without_passwords(unmigrated_project: Project) -> None:
    ran = unmigrated_project.manage("shell", "-v0", "-c", CODE, env={"LOG_LEVEL": "error"})
    assert ran.returncode == 0
    assert ran.stdout == ""
    assert "no such page" in ran.stderr
    assert "OSError: cannot reach postgresql://picks:***@db.example" in ran.stderr
    assert "season 2024 saved" not in ran.stderr
    assert "\x1b[" not in ran.stderr
    assert MARK not in ran.stderr


def test_console_line_holds_the_fields() -> None:
    line = formatted("console", "waiting", seconds=3, host="api.jolpi.ca")
    assert "waiting" in line
    assert "host=api.jolpi.ca" in line
    assert "seconds=3" in line


def test_fields_are_values_that_json_has() -> None:
    line = fields(
        "fetched",
        at=datetime(2024, 5, 26, 13, tzinfo=UTC),
        path=Path("cache/fastf1"),
        rounds=(1, 2),
        nothing=None,
        share=0.5,
        counts={"created": 1},
    )
    assert line["at"] == "2024-05-26T13:00:00+00:00"
    assert line["path"] == "cache/fastf1"
    assert line["rounds"] == [1, 2]
    assert line["nothing"] is None
    assert line["share"] == 0.5
    assert line["counts"] == {"created": 1}


def test_objects_of_djangos_own_lines_are_no_fields() -> None:
    assert "request" not in fields("no such page", request=object(), server_time="now")


@pytest.mark.parametrize(
    "name", ["password", "F1_PASSWORD", "passwd", "db_pwd", "SECRET_KEY", "authToken", "api_key"]
)
def test_what_is_named_like_a_secret_is_masked_wherever_it_is(name: str) -> None:
    assert fields("message", **{name: MARK})[name] == "***"
    assert fields("message", settings={"inner": [{name: MARK}]})["settings"] == {
        "inner": [{name: "***"}]
    }
    assert MARK not in formatted("console", "%s", {name: MARK})
    assert MARK not in formatted("console", "said %s", ValueError(f"{name}={MARK}"))


@pytest.mark.parametrize("style", ["console", "json"])
def test_characters_that_a_terminal_obeys_are_shown_as_text(style: str) -> None:
    name = "Max\x1b[2J\x9b1A\u202eneppatsreV\u2066\r\udcff"
    line = formatted(style, "driver %s", name, driver=name, error=ValueError(name))
    assert line.isprintable()
    assert "Max" in line
    assert "neppatsreV" in line
    line.encode()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (ADDRESS, "postgresql://picks:***@db.example:5432/picks"),
        ("at redis://:x@host/0, twice", "at redis://:***@host/0, twice"),
        ("https://u:p@ss/w@host/path?q=1", "https://u:***@host/path?q=1"),
        ("host=db password=x user=u", "host=db password=*** user=u"),
        ("host=db password='x y' user=u", "host=db password='x y' user=u".replace("'x y'", "***")),
        ("{'PASSWORD': 'x y', 'USER': 'u'}", "{'PASSWORD': ***, 'USER': 'u'}"),
        ('{"token": "x"}', '{"token": ***}'),
        ("GET /feed?token=x&page=2", "GET /feed?token=***&page=2"),
        ("http://127.0.0.1:8000/ergast/f1/2024", "http://127.0.0.1:8000/ergast/f1/2024"),
        (
            'password authentication failed for user "u"',
            'password authentication failed for user "u"',
        ),
        ("mail to a@b.example at 12:30", "mail to a@b.example at 12:30"),
    ],
)
def test_text_is_masked_only_where_a_secret_is(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    ("level", "style", "message"),
    [
        ("LOUD", "json", "LOG_LEVEL is none of DEBUG, INFO, WARNING, ERROR, CRITICAL."),
        ("INFO", "xml", "LOG_FORMAT is none of console, json."),
    ],
)
def test_unknown_level_or_style_is_a_wrong_configuration(
    level: str, style: str, message: str
) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        logging_config(level=level, style=style)
    assert str(refused.value) == message


def test_lines_follow_standard_error_when_a_progress_display_takes_it_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    handler = logging_config(level="INFO", style="console")["handlers"]["stderr"]["()"]()
    with (tmp_path / "stderr").open("w+") as taken:
        monkeypatch.setattr(sys, "stderr", taken)
        handler.emit(logging.makeLogRecord({"msg": "still seen"}))
        taken.seek(0)
        assert taken.read() == "still seen\n"
