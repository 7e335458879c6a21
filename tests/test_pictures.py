"""The README's pictures: small, and known to be old once what they show is changed."""

from pathlib import Path

import pytest

from f1picks.environment import ROOT
from tests.pictures import LIST, MOST_BYTES, PICTURES, check, read_digests, write_list

pytestmark = [pytest.mark.project, pytest.mark.once]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    page = tmp_path / "ingestion" / "templates" / "page.html"
    page.parent.mkdir(parents=True)
    page.write_text("Season 2024")
    (tmp_path / "pictures").mkdir()
    return tmp_path


def test_a_changed_page_makes_them_old_until_they_are_renewed(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = root / "pictures"
    assert check(root, pictures) == 1
    write_list(root, pictures)
    assert check(root, pictures) == 0
    (root / "ingestion" / "templates" / "new.html").write_text("An inbox")
    (root / "ingestion" / "templates" / "page.html").write_text("Season 2025")
    capsys.readouterr()
    assert check(root, pictures) == 1
    printed = capsys.readouterr().err
    assert "  ingestion/templates/new.html\n  ingestion/templates/page.html\n" in printed
    assert "`make pictures` renews them" in printed
    write_list(root, pictures)
    assert check(root, pictures) == 0


def test_they_are_small_and_made_of_the_pages_and_the_story() -> None:
    assert {"season-phone.png", "event-proposal.png", LIST} <= {
        path.name for path in PICTURES.iterdir()
    }
    for path in PICTURES.glob("*.png"):
        assert path.stat().st_size <= MOST_BYTES, path
    sources = read_digests(ROOT)
    assert "f1picks/demo/story.py" in sources
    assert "ingestion/static/ingestion/admin.css" in sources
    assert any(name.endswith("season/page.html") for name in sources)
