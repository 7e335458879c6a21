"""A password or token within an address of the settings stays where it is needed."""

from collections.abc import Iterator
from typing import Any

import pytest

from ingestion.errors import IngestionError
from ingestion.sources.addresses import origin, read_address
from tests.command_line import addresses, ingest, small_season
from tests.live_upstream import PASSWORD, SIGN_IN, USERNAME, LiveUpstream
from tests.project import Project
from tests.shortened import shortened
from tests.upstream import FaultyUpstream

pytestmark = pytest.mark.once

MARK = "s3cr3t-MARK"


@pytest.mark.parametrize(
    ("text", "url", "authorization"),
    [
        ("https://host.example/f1/", "https://host.example/f1", ""),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", ""),
        ("http://[::1]:8000/f1", "http://[::1]:8000/f1", ""),
        ("http://a:b@host/f1", "http://host/f1", "Basic YTpi"),
        ("http://a:b%40%2F%C3%A9@host/f1", "http://host/f1", "Basic YTpiQC/DqQ=="),
        ("http://a@host/f1", "http://host/f1", "Basic YTo="),
    ],
)
def test_user_and_password_are_taken_out(text: str, url: str, authorization: str) -> None:
    address = read_address("JOLPICA_URL", text)
    assert (address.url, address.authorization) == (url, authorization)
    assert authorization == "" or authorization not in repr(address)


MALFORMED = [
    f"http://user:{MARK}/x@host/f1",
    f"http://user:12/{MARK}@host/f1",
    f"http://user:{MARK}#x@host/f1",
    f"http://user:{MARK}?x@host/f1",
    f"http://user:{MARK}@host:port/f1",
    f"http://user:{MARK}@host:99999/f1",
    f"http://user:{MARK}@[::1/f1",
    f"http://user:{MARK}@/f1",
    f"http://user:{MARK}@host/f1?token={MARK}",
    f"http://user:{MARK} x@host/f1",
    f"http://user:{MARK}\n@host/f1",
    f"ftp://user:{MARK}@host/f1",
    f"user:{MARK}@host/f1",
    MARK,
]


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_address_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(IngestionError) as refused:
        read_address("JOLPICA_URL", text)
    assert str(refused.value).startswith("JOLPICA_URL cannot be used: ")
    assert MARK not in str(refused.value)
    assert refused.value.__cause__ is None


def test_one_site_is_scheme_host_and_port() -> None:
    assert origin("https://host/a") == origin("https://HOST:443/b?c")
    sites = ["https://host/", "http://host/", "https://host:444/", "https://host.example/"]
    assert len(set(map(origin, sites))) == 4


def with_password(url: str) -> str:
    return url.replace("http://", f"http://ingest:{MARK}@", 1)


@pytest.fixture(name="upstream")
def small_upstream() -> Iterator[FaultyUpstream]:
    with FaultyUpstream({2024: small_season()}) as started:
        yield started


def secret_addresses(upstream: FaultyUpstream) -> dict[str, str]:
    return {
        "F1_SCHEDULE_URL": with_password(upstream.schedule_url),
        "JOLPICA_URL": with_password(upstream.jolpica_url),
    }


def assert_untold(project: Project, *texts: str) -> None:
    """In what was printed, in the database, and in the folder of the cache."""
    for text in texts:
        assert MARK not in text
    for table in ("ingestrun", "change", "alarm", "poll", "requestblock"):
        assert MARK not in str(project.query(f"SELECT * FROM ingestion_{table}"))
    for file in project.cache_dir.rglob("*"):
        assert not file.is_file() or MARK.encode() not in file.read_bytes(), file.name


@pytest.mark.parametrize("logs", shortened(["console", "json"], keep=1))
@pytest.mark.parametrize("fault", [{}, {"status": 404}, {"reset": True}, {"body": b"<html>"}])
def test_an_ingest_signs_in_and_tells_nobody_how(
    project: Project, upstream: FaultyUpstream, fault: dict[str, Any], logs: str
) -> None:
    """Logs of everything that FastF1 and requests have to say, tracebacks included."""
    if fault:
        upstream.fault("*", **fault)
    env = {**secret_addresses(upstream), "LOG_LEVEL": "DEBUG", "LOG_FORMAT": logs}
    ran = ingest(project, upstream, "--year", "2024", env=env)
    assert ran.returncode == (1 if fault else 0), ran.stderr
    assert {request.headers.get("authorization") for request in upstream.requests} == {
        read_address("JOLPICA_URL", secret_addresses(upstream)["JOLPICA_URL"]).authorization
    }
    assert_untold(project, ran.stdout, ran.stderr)


def test_a_password_does_not_follow_to_another_host(
    project: Project, upstream: FaultyUpstream
) -> None:
    with FaultyUpstream({2024: small_season()}) as elsewhere:
        upstream.fault(
            "*", status=302, headers={"Location": f"{elsewhere.schedule_url}schedule_2024.json"}
        )
        ran = ingest(project, upstream, "--year", "2024", env=secret_addresses(upstream))
        assert ran.returncode in {1, 3}
        assert elsewhere.requests
        assert all("authorization" not in request.headers for request in elsewhere.requests)
    assert_untold(project, ran.stdout, ran.stderr)


@pytest.mark.parametrize("text", shortened([MALFORMED[0], MALFORMED[4], MALFORMED[-1]], keep=1))
@pytest.mark.parametrize("command", [["ingest_f1"], ["f1_preflight", "--format", "json"]])
def test_a_malformed_address_is_one_line_of_every_command(
    project: Project, upstream: FaultyUpstream, text: str, command: list[str]
) -> None:
    ran = project.manage(*command, env={"JOLPICA_URL": text, "LOG_LEVEL": "DEBUG"})
    assert ran.returncode == 1
    assert "JOLPICA_URL cannot be used: " in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    assert_untold(project, ran.stdout, ran.stderr)


# Each its own: one that is known would mask the others.
SECRET_SETTINGS = {
    "SECRET_KEY": f"{MARK}-key-0123456789-0123456789-0123456789-0123456789",
    "REDIS_URL": f"redis://:{MARK}-redis@127.0.0.1:1/0",
    "F1_PASSWORD": f"{MARK}-account",
    "F1_USERNAME": "somebody@example.org",
    "F1_ALARM_URLS": f"json://127.0.0.1:9/services/{MARK}-webhook, "
    f"mailto://mail:{MARK}-mail@127.0.0.1:9?to=ops@example.org tgram://{MARK}/1234567",
    "HEARTBEAT_URL": f"http://127.0.0.1:9/ping/{MARK}-heartbeat",
    "F1_SCHEDULE_URL": f"http://ingest:{MARK}-schedule@127.0.0.1:9/f1schedule/",
    "JOLPICA_URL": f"http://ingest:{MARK}-jolpica@127.0.0.1:9/ergast/f1",
}

TELL_ALL = """
import logging
from django.conf import settings
from django.test import Client
from ingestion.models import IngestRun
from ingestion.queue.tasks import tick, watch, refresh_schedule
from ingestion.monitoring.alerting import send_test_message
from django.utils import timezone
tick(); refresh_schedule(); watch()
print(send_test_message(timezone.now()))
print(Client(headers={"host": "localhost"}).get("/healthz").content.decode())
log = logging.getLogger("ingestion")
for name in %r:
    try:
        raise OSError("cannot use " + str(getattr(settings, name)))
    except OSError:
        value = getattr(settings, name)
        log.exception("failed with %%s", value, extra={"of": [value]})
log.warning("all: %%r", [settings.DATABASES, settings.Q_CLUSTER])
"""
NAMES = ("F1_ALARM_URLS", "HEARTBEAT_URL", "JOLPICA_URL", "F1_SCHEDULE_URL", "REDIS_URL",
         "F1_PASSWORD", "SECRET_KEY")  # fmt: skip


@pytest.mark.project
@pytest.mark.parametrize("logs", shortened(["json", "console"], keep=1))
def test_no_setting_gets_into_a_line_that_somebody_reads(project: Project, logs: str) -> None:
    env = {**SECRET_SETTINGS, "LOG_LEVEL": "DEBUG", "LOG_FORMAT": logs}
    told = project.manage("shell", "-v0", "-c", TELL_ALL % (NAMES,), env=env)
    assert told.returncode == 0, told.stderr
    assert told.stderr.count("failed with") >= len(NAMES)
    for command in (["f1_status"], ["f1_status", "--format", "json", "--notify"],
                    ["f1_preflight", "--send-test-alarm"], ["check"], ["check", "--deploy"],
                    ["ingest_f1", "--format", "json"]):  # fmt: skip
        ran = project.manage(*command, env=env)
        assert ran.stdout + ran.stderr != ""
        assert_untold(project, ran.stdout, ran.stderr)
    assert_untold(project, told.stdout, told.stderr)


DEBUG_PAGE = """
from django.test import Client
from django.urls import path
from django.conf import settings
import sys, types
def fail(request):
    password, address = settings.F1_PASSWORD, settings.JOLPICA_URL
    handed_on = {"to": address, "webhook": settings.F1_ALARM_URLS}
    raise OSError(f"cannot reach {address}")
urls = types.ModuleType("failing_urls"); urls.urlpatterns = [path("fail", fail)]
sys.modules["failing_urls"] = urls
settings.ROOT_URLCONF = "failing_urls"
client = Client(raise_request_exception=False, headers={"host": "localhost"},
                DATABASE_URL=%r, REDIS_URL=settings.REDIS_URL)
for kind in ("text/html", "text/plain"):
    answer = client.get("/fail", headers={"accept": kind})
    print(answer.status_code, answer["Content-Type"], answer.content.decode())
"""


@pytest.mark.project
def test_the_page_about_an_error_in_debug_has_none_either(project: Project) -> None:
    code = DEBUG_PAGE % f"postgresql://picks:{MARK}@db.example/picks"
    env = {**SECRET_SETTINGS, "DEBUG": "on", "LOG_LEVEL": "CRITICAL"}
    ran = project.manage("shell", "-v0", "-c", code, env=env)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("500 text/") == 2
    assert "cannot reach http://ingest:***@127.0.0.1:9/ergast/f1" in ran.stdout
    assert "F1_ALARM_URLS" in ran.stdout
    assert_untold(project, ran.stdout, ran.stderr)


RUN_PAGE = """
from django.contrib.auth import get_user_model
from django.test import Client
from ingestion.models import IngestRun
client = Client(headers={"host": "localhost"})
client.force_login(get_user_model().objects.create_superuser("root"))
for run in IngestRun.objects.all():
    answer = client.get(f"/admin/ingestion/ingestrun/{run.pk}/change/")
    print(answer.status_code, answer.content.decode())
print(client.get("/admin/ingestion/season/status/").content.decode())
"""


@pytest.mark.project
def test_the_admins_pages_of_runs_and_alarms_have_none(project: Project) -> None:
    env = {**SECRET_SETTINGS, "LOG_LEVEL": "ERROR"}
    assert project.manage("ingest_f1", "--year", "2024", env=env).returncode == 1
    assert project.manage("f1_status", "--notify", env=env).returncode in {0, 1}
    ran = project.manage("shell", "-v0", "-c", RUN_PAGE, env=env)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("200 ")
    assert "the server cannot be reached" in ran.stdout
    assert_untold(project, ran.stdout, ran.stderr)


@pytest.mark.project
@pytest.mark.parametrize("password", [PASSWORD, f"{MARK} of somebody else"])
def test_an_account_and_its_token_are_told_to_nobody(project: Project, password: str) -> None:
    """Signed in, or refused by an answer that repeats what it was sent."""
    with LiveUpstream({2024: small_season()}, strict=False) as upstream:
        upstream.fault("*/alpha/*", status=404)
        env = {
            **addresses(upstream),
            "LIVE_TIMING_URL": upstream.address,
            "F1_USERNAME": USERNAME,
            "F1_PASSWORD": password,
            "LOG_LEVEL": "DEBUG",
        }
        ran = project.manage("ingest_f1", "--year", "2024", env=env)
        assert SIGN_IN[2] in [request.path for request in upstream.requests]
        secrets = [password, *upstream.tokens]
    assert len(secrets) == (2 if password == PASSWORD else 1)
    kept = str(project.query("SELECT problems, notes, arguments FROM ingestion_ingestrun"))
    for secret in secrets:
        assert secret not in ran.stdout + ran.stderr + kept
    for file in project.cache_dir.glob("*token*"):
        assert file.stat().st_mode & 0o077 == 0
