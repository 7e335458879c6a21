"""`python -m f1picks.environment`: what it does to .env."""

import stat
from pathlib import Path

import pytest

from f1picks.environment import ROOT, create_env_file

pytestmark = pytest.mark.project

EXAMPLE = ROOT / ".env.example"


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def secret_key(env_file: Path) -> str:
    (line,) = [li for li in env_file.read_text().splitlines() if li.startswith("SECRET_KEY=")]
    return line.removeprefix("SECRET_KEY=")


def test_new_file_is_private_and_is_the_example_with_a_key(env_file: Path) -> None:
    done = create_env_file(env_file, example=EXAMPLE)
    assert done == ".env created, with a secret key of its own."
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    key = secret_key(env_file)
    assert len(key) >= 60
    assert env_file.read_text().replace(key, "") == EXAMPLE.read_text()
    assert [path.name for path in env_file.parent.iterdir()] == [".env"]


def test_every_file_gets_another_key(tmp_path: Path) -> None:
    files = [tmp_path / "one", tmp_path / "two"]
    for file in files:
        create_env_file(file, example=EXAMPLE)
    assert secret_key(files[0]) != secret_key(files[1])


@pytest.mark.parametrize(
    "content",
    ["SECRET_KEY=mine\n", "export SECRET_KEY='mine'\nLOG_LEVEL=DEBUG", "A=1\r\nSECRET_KEY=m\r\n"],
)
def test_file_with_a_key_is_left_as_it_is(env_file: Path, content: str) -> None:
    env_file.write_bytes(content.encode())
    env_file.chmod(0o640)
    assert create_env_file(env_file, example=EXAMPLE) == ""
    assert env_file.read_bytes() == content.encode()
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("LOG_LEVEL=DEBUG", "LOG_LEVEL=DEBUG\nSECRET_KEY={}\n"),
        ("A=1\nSECRET_KEY=\nB=2\n", "A=1\nSECRET_KEY={}\nB=2\n"),
        ("SECRET_KEY=''\nB=\\1\n", "SECRET_KEY={}\nB=\\1\n"),
        ("# SECRET_KEY=old\n", "# SECRET_KEY=old\nSECRET_KEY={}\n"),
        ("", "SECRET_KEY={}\n"),
    ],
)
def test_file_without_a_key_gets_one_and_keeps_the_rest(
    env_file: Path, before: str, after: str
) -> None:
    env_file.write_text(before)
    done = create_env_file(env_file, example=EXAMPLE)
    assert done == ".env had no secret key: a new one was added."
    assert env_file.read_text() == after.format(secret_key(env_file))
    assert create_env_file(env_file, example=EXAMPLE) == ""


def test_linked_file_stays_a_link(env_file: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.env"
    kept.write_text("LOG_LEVEL=DEBUG\n")
    env_file.symlink_to(kept)
    create_env_file(env_file, example=EXAMPLE)
    assert env_file.is_symlink()
    assert secret_key(kept)
