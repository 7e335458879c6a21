"""`python -m tests.pictures`: makes the README's pictures, of the demo in a browser, and of the
figures of a rehearsal.

`--check` says whether they are older than what they show, by a list of its sources' digests beside
them; `--keep` writes that list alone, where a look shows that a change of a source changed no
picture. Exit code 0: they are up to date, 1: they are not, or could not be made.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
LIST = "sources.json"
# Templates and styles, the story, and what draws the plot: not all code behind the pages, or the
# pictures would be old with each commit.
SOURCES = (
    "ingestion/templates/**/*.html",
    "ingestion/static/**/*",
    "f1picks/demo/[a-z]*.py",
    "f1picks/demo/**/*.html",
    "f1picks/demo/**/*.css",
    "rehearsal/latency.py",
    "docs/pictures/latency.json",
    "tests/pictures.py",
)
FIGURES, PLOT = "latency.json", "latency.png"
PHONE, LAPTOP = (390, 844), (1280, 800)
# Colours of a picture's palette: a page of an admin has few.
COLOURS = 64
MOST_BYTES = 150_000


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.pictures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="whether they are up to date")
    parser.add_argument("--keep", action="store_true", help="they are, whatever the list says")
    arguments = parser.parse_args()
    if arguments.check:
        return check(ROOT, PICTURES)
    PICTURES.mkdir(exist_ok=True)
    if not arguments.keep:
        photograph_demo()
        draw_plot()
    write_list(ROOT, PICTURES)
    return 0


# Whether they are up to date


def read_digests(root: Path) -> dict[str, str]:
    files = {path for pattern in SOURCES for path in root.glob(pattern) if path.is_file()}
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in sorted(files)
    }


def write_list(root: Path, pictures: Path) -> None:
    text = json.dumps(read_digests(root), indent=1)
    (pictures / LIST).write_text(f"{text}\n", encoding="utf-8")


def check(root: Path, pictures: Path) -> int:
    try:
        known: dict[str, str] = json.loads((pictures / LIST).read_text(encoding="utf-8"))
    except OSError as error:
        sys.stderr.write(f"{LIST} cannot be read ({error.strerror}): run `make pictures`.\n")
        return 1
    now = read_digests(root)
    changed = sorted(path for path in known.keys() | now.keys() if known.get(path) != now.get(path))
    if not changed:
        return 0
    sys.stderr.write(
        "The pictures in docs/pictures are older than what they show:\n"
        + "".join(f"  {path}\n" for path in changed)
        + "`make pictures` renews them. Where they would look the same, "
        "`python -m tests.pictures --keep` says so.\n"
    )
    return 1


# How they are made


def photograph_demo() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from f1picks.demo.story import MOMENTS
    from tests.browser import running_browser
    from tests.story import running_demo

    titles = [moment.title for moment in MOMENTS]
    with (
        tempfile.TemporaryDirectory() as folder,
        running_demo(Path(folder) / "story.sqlite3") as (address, _printed),
        running_browser() as browser,
    ):

        @contextmanager
        def screen(size: tuple[int, int], scale: float) -> Iterator["Page"]:
            width, height = size
            context = browser.new_context(
                viewport={"width": width, "height": height},
                device_scale_factor=scale,
                is_mobile=size == PHONE,
                reduced_motion="reduce",
            )
            page = context.new_page()
            # A step plays many hours.
            page.set_default_timeout(120_000)
            page.goto(address)
            yield page
            context.close()

        def go_on(page: "Page", title: str) -> None:
            strip = page.locator(".demo-strip")
            while title != strip.locator("b").first.inner_text().rstrip("."):
                later = strip.get_by_role("button", name="One hour later")
                onward = strip.locator("button[name=until_next]")
                with page.expect_navigation():
                    (onward if onward.count() else later).click()

        with screen(PHONE, 2) as phone:
            go_on(phone, "Russell is disqualified")
            # Anew, without the step's messages, where the weekend begins.
            phone.goto(address)
            phone.get_by_role("link", name="This weekend").click()
            save_picture(phone.screenshot(), "season-phone.png")
        with screen(LAPTOP, 1.5) as laptop:
            go_on(laptop, titles[-1])
            laptop.locator(".demo-strip").get_by_role("link").click()
            laptop.locator("#toggle-nav-sidebar").click()
            laptop.evaluate("scrollTo(0, 0)")
            save_picture(laptop.screenshot(), "event-proposal.png")


def save_picture(png: bytes, name: str) -> None:
    """With a palette, which makes it a third as large."""
    from io import BytesIO

    from PIL import Image

    picture = Image.open(BytesIO(png)).convert("RGB")
    few = picture.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(PICTURES / name, optimize=True)
    size = (PICTURES / name).stat().st_size
    sys.stdout.write(f"docs/pictures/{name}: {size // 1000} kB\n")
    if size > MOST_BYTES:
        raise SystemExit(f"{name} has {size} bytes, and {MOST_BYTES} are the most.")


def draw_plot() -> None:
    """Of the last rehearsal whose figures were kept: to play a season takes ten minutes."""
    if not (PICTURES / FIGURES).exists():
        sys.stdout.write(f"No plot: docs/pictures/{FIGURES} does not exist yet.\n")
        return
    plot, figures = (str(PICTURES / name) for name in (PLOT, FIGURES))
    command = [sys.executable, "manage.py", "rehearse", "--plot", plot, "--figures", figures]
    subprocess.run(command, check=True, cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main())
