"""Nobody else can put anything where pickles are read: FastF1's cache, and the queue."""

import os
import pickle
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core import signing
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.signing import SignedPackage

from ingestion.errors import IngestionError
from ingestion.sources import make_private_folder
from tests.project import Project

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to give a folder away")


@pytest.fixture
def careless() -> Iterator[None]:
    """A process whose files everybody may write."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_and_what_it_stands_in_are_made_for_us_alone(
    tmp_path: Path, careless: None
) -> None:
    folder = tmp_path / "var" / "f1" / "cache"
    make_private_folder(folder)
    made = [folder, folder.parent, folder.parent.parent]
    assert [mode(path) for path in made] == [0o700] * 3
    make_private_folder(folder)


@pytest.mark.parametrize("given", [0o770, 0o707, 0o777, 0o1777, 0o720])
def test_a_folder_that_others_can_write_is_refused(tmp_path: Path, given: int) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(given)
    with pytest.raises(IngestionError, match="can be written by other users") as refused:
        make_private_folder(folder)
    assert "name another one in FASTF1_CACHE_DIR" in str(refused.value)
    assert mode(folder) == given


@pytest.mark.parametrize("given", [0o700, 0o755, 0o750])
def test_a_folder_that_others_can_only_read_will_do(tmp_path: Path, given: int) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(given)
    make_private_folder(folder)


def test_a_folder_that_others_can_replace_is_refused(tmp_path: Path) -> None:
    open_to_all = tmp_path / "shared"
    folder = open_to_all / "cache"
    folder.mkdir(parents=True, mode=0o700)
    open_to_all.chmod(0o777)
    with pytest.raises(IngestionError, match="where other users can replace it"):
        make_private_folder(folder)
    # As /tmp is.
    open_to_all.chmod(0o1777)
    make_private_folder(folder)


@needs_root
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    with pytest.raises(IngestionError, match="belongs to another user"):
        make_private_folder(folder)


def test_a_link_is_judged_by_where_it_leads(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    target.chmod(0o777)
    (tmp_path / "cache").symlink_to(target)
    with pytest.raises(IngestionError, match="can be written by other users"):
        make_private_folder(tmp_path / "cache")


def test_an_ingest_asks_nobody_before_its_cache_is_private(project: Project) -> None:
    project.cache_dir.mkdir()
    project.cache_dir.chmod(0o777)
    ran = project.manage("ingest_f1", "--year", "2024")
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith(
        f"CommandError: the cache folder {project.cache_dir} can be written by other users"
    )
    assert "Traceback" not in ran.stderr
    assert list(project.cache_dir.iterdir()) == []


# The queue


class Opened:
    """What runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("an unsigned pickle was opened",)


@pytest.fixture
def forged() -> str:
    """Signed as the queue does it, with a key that is not ours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Conf, "SECRET_KEY", "another, which somebody guessed")
        text: str = SignedPackage.dumps(Opened())
    return text


def test_the_queue_opens_no_pickle_that_another_key_signed(forged: str) -> None:
    """The rows or keys of the queue can be written by whoever reaches its database or Redis: only
    SECRET_KEY makes a task of them."""
    assert SignedPackage.loads(SignedPackage.dumps({"id": "1"})) == {"id": "1"}
    for payload in (forged, pickle.dumps(Opened()).hex(), f"x{forged}"):
        with pytest.raises(signing.BadSignature):
            SignedPackage.loads(payload)


@pytest.mark.django_db
def test_a_task_that_was_forged_is_not_executed(
    forged: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As the cluster's pusher takes it: it is logged, and dropped."""
    from multiprocessing import Event, Queue

    from django_q.pusher import pusher

    broker = ORM(Conf.PREFIX)
    broker.enqueue(forged)
    stopping = Event()
    stopping.set()
    tasks: Any = Queue()
    pusher(tasks, stopping, broker=broker)
    assert tasks.empty()
    assert "does not match" in caplog.text
