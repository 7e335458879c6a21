"""Every page of the admin, on the sample, in a browser: what axe finds, and what each page costs.

python -m tests.proofs.pages                    the table
python -m tests.proofs.pages --screenshots DIR  and pictures, at three widths, light and dark
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.proofs.pages", description=__doc__)
    parser.add_argument("--screenshots", type=Path, help="a folder for pictures")
    parser.add_argument("--only", default="", help="pages whose name begins with this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="f1-pages-") as folder:
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        django.setup()
        return measure_pages(Path(folder), options)


def measure_pages(folder: Path, options: Any) -> int:
    from ingestion.sample.database import sample_database

    with sample_database(folder / "db.sqlite3"):
        from django.core.management import call_command
        from django.test import override_settings

        call_command("migrate", verbosity=0)
        with override_settings(ROOT_URLCONF="tests.admin_site"):
            visits = list(visit(folder, options))
    return show(visits)


def visit(folder: Path, options: Any) -> Iterator[Any]:
    from tests import admin_pages as pages
    from tests.browser import beside_the_browser, running_browser
    from tests.fastf1_limits import limits_lifted

    with limits_lifted():
        pages.set_scene(folder / "cache")
    with pages.serving() as base, running_browser() as browser:
        for person in (pages.SUPERUSER, pages.VIEWER):
            listed = beside_the_browser(pages.list_pages)(may_correct=person == pages.SUPERUSER)
            chosen = {k: v for k, v in listed.items() if k.startswith(options.only)}
            page = browser.new_context(bypass_csp=True).new_page()
            # What comes out of the cache has no weight.
            network = page.context.new_cdp_session(page)
            network.send("Network.enable")
            network.send("Network.setCacheDisabled", {"cacheDisabled": True})
            for one in pages.visit_pages(page, base, person, chosen, ("light", "dark")):
                if options.screenshots and person == pages.SUPERUSER:
                    photograph(page, options.screenshots, one.name)
                yield one
            page.context.close()


def photograph(page: Any, folder: Path, name: str) -> None:
    from tests.admin_pages import WIDTHS

    folder.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            file = name.replace(" ", "-").replace(",", "").replace(":", "")
            page.screenshot(path=folder / f"{file}-{width}-{scheme}.png", full_page=True)


def group(visits: list[Any]) -> dict[str, list[str]]:
    """The pages by what axe found on them."""
    found: dict[str, list[str]] = {}
    for one in visits:
        for finding in one.grave:
            names = found.setdefault(f"{finding.impact}: {finding.rule} at {finding.where[0]}", [])
            if one.name not in names:
                names.append(one.name)
    return found


def show(visits: list[Any]) -> int:
    heads = ("page", "person", "grave", "minor", "html", "weight", "requests", "queries", "limit")
    sys.stdout.write(f"{heads[0]:<36}{heads[1]:<8}" + "".join(f"{h:>9}" for h in heads[2:]) + "\n")
    for one in visits:
        grave = len(one.grave)
        figures = (
            grave,
            len(one.findings) - grave,
            one.html,
            one.weight,
            one.requests,
            one.queries,
        )
        sys.stdout.write(
            f"{one.name[:35]:<36}{one.person:<8}"
            + "".join(f"{figure:>9,}" for figure in (*figures, one.most_queries))
            + "\n"
        )
    deviations = [
        *(f"{finding} on {', '.join(names)}" for finding, names in group(visits).items()),
        *(
            f"{one.name}, {one.person}: {one.queries} queries"
            for one in visits
            if one.queries > one.most_queries
        ),
        *(
            f"{one.name}: {pixels} pixels wider than a screen of {width}"
            for one in visits
            for width, pixels in one.beyond.items()
            if pixels > 0
        ),
    ]
    others = {one.rule for page in visits for one in page.findings if one not in page.grave}
    sys.stdout.write(f"minor: {', '.join(sorted(others)) or 'none'}\n")
    sys.stdout.writelines(f"deviation: {one}\n" for one in dict.fromkeys(deviations))
    return 1 if deviations else 0


if __name__ == "__main__":
    sys.exit(main())
