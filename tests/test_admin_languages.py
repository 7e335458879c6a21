"""The admin in other languages: German and Brazilian Portuguese, and one in which all that is
translated is marked."""

import re
from html import unescape
from io import StringIO
from pathlib import Path

import polib
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils.translation import override
from pytest_django import Settings

from ingestion.admin.comparison import as_entries, compare
from ingestion.corrections import possible_corrections
from ingestion.models import Alarm, Driver, Event, IngestRun
from ingestion.report import Problem
from ingestion.story import describe_payout, describe_story
from tests.admin_site import clock
from tests.builders import AFTER
from tests.html_forms import form_to
from tests.messages import find_marked
from tests.operators import correction_of, page_of, season_page, words_of

pytestmark = [
    pytest.mark.project,
    pytest.mark.once,
    pytest.mark.django_db,
    pytest.mark.urls("tests.admin_site"),
]

# What is never data: headings, labels, buttons, the names of facts.
SAID_BY_PAGES = re.compile(
    r"<(h[1-3]|label|legend|button|dt|summary|th scope=\"col\")\b[^>]*>(.*?)</", re.DOTALL
)
WORD = re.compile(r"[^\W\d_]{3,}")
# Of Django's admin, the same everywhere, and names.
NOT_OURS = {
    *("Aktion", "Alle", "Ausführen", "Filter", "Nach", "Suchen", "UTC"),
    *("Albon", "Belgian", "Dutch", "Grand", "Prix", "Zandvoort"),
}


@pytest.fixture
def pages(belgium: Event) -> list[str]:
    """A page of each kind, with something on it."""
    run = IngestRun.objects.create(
        trigger="command", started_at=AFTER, problems=[Problem("trouble").as_data()]
    )
    alarm = Alarm.objects.create(key="x", severity="broken", title="no polls", raised_at=AFTER)
    driver = Driver.objects.order_by("key")[0]
    models = ("event", "ingestrun", "change", "alarm", "driver")
    change = belgium.changes.latest("pk")
    rows = (("ingestrun", run), ("alarm", alarm), ("driver", driver), ("change", change))
    corrections = possible_corrections(belgium, clock.now)
    return [
        season_page(),
        page_of(belgium),
        reverse("admin:ingestion_season_status"),
        reverse("admin:ingestion_season_zone"),
        *(reverse(f"admin:ingestion_{name}_changelist") for name in models),
        *(reverse(f"admin:ingestion_{name}_change", args=[row.pk]) for name, row in rows),
        *(correction_of(belgium, name) for name in corrections),
        *(
            reverse("admin:ingestion_driver_correct", args=[driver.pk, name])
            for name in ("merge", "split")
        ),
    ]


def read_in(language: str, client: Client, address: str) -> str:
    answer = client.get(address, headers={"Accept-Language": language})
    assert answer.status_code == 200, address
    assert answer.headers["Content-Language"] == language
    return answer.content.decode()


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("de", ("Saison 2024", "Zu erledigen", "Jetzt abrufen", "Nächste Session", "Rennen")),
        ("pt-br", ("Temporada 2024", "Pendências", "Importar agora", "Próxima sessão", "Corrida")),
    ],
)
def test_the_season_is_read_in_the_browsers_language(
    language: str, expected: tuple[str, ...], operator: Client, belgium: Event
) -> None:
    page = read_in(language, operator, season_page())
    for text in expected:
        assert text in words_of(page) or text in page


@pytest.mark.parametrize(
    ("language", "expected", "previewed"),
    [
        (
            "de",
            (
                "Hamilton hat gewonnen, vor Piastri und Leclerc.",
                "Revision 1 veröffentlicht: P1 Hamilton",
            ),
            "Der Verlauf wird sagen: Annulliert: vorher beendet",
        ),
        (
            "pt-br",
            (
                "Hamilton venceu, à frente de Piastri e Leclerc.",
                "Revisão 1 publicada: P1 Hamilton",
            ),
            "O histórico dirá: Anulado: antes concluído",
        ),
    ],
)
def test_an_event_and_what_a_correction_would_do_are_read_in_it(
    language: str, expected: tuple[str, ...], previewed: str, operator: Client, belgium: Event
) -> None:
    text = words_of(read_in(language, operator, page_of(belgium)))
    assert [one for one in expected if one not in text] == []
    operator.defaults["HTTP_ACCEPT_LANGUAGE"] = language
    address = correction_of(belgium, "void")
    form = form_to(operator.get(address).content.decode(), address)
    sent = form.send(operator, {"step": "review"}, {"reason": "?"})
    assert previewed in words_of(sent.content.decode())


def test_a_value_that_is_missing_is_said_in_it(belgium: Event) -> None:
    was = as_entries(belgium.classification)
    now = [{**was[0], "driver_number": None}, *was[1:]]
    belgium.results_generated_at = None
    with override("de"):
        assert compare(was, now)[0].details.endswith(" → keiner")
        assert ("erstellt", "zu unbekannter Zeit (Jolpica)") in describe_payout(belgium)


def test_a_terminal_is_in_english(belgium: Event) -> None:
    printed = StringIO()
    with override("de"):
        assert "veröffentlicht" in describe_story(belgium.changes.all())[1].sentence
        call_command("f1_explain", "2024", "belgium", "race", stdout=printed)
    assert "Revision 1 published" in printed.getvalue()


@pytest.fixture
def marking(tmp_path: Path, settings: Settings) -> None:
    """German, as a language that writes each string in brackets."""
    catalogue = polib.POFile()
    catalogue.metadata = {
        "Content-Type": "text/plain; charset=UTF-8",
        "Plural-Forms": "nplurals=2; plural=(n != 1);",
    }
    for marked in find_marked().values():
        entry = polib.POEntry(msgctxt=marked.context or None, msgid=marked.text)
        if marked.plural:
            entry.msgid_plural = marked.plural
            entry.msgstr_plural = {0: f"⟦{marked.text}⟧", 1: f"⟦{marked.plural}⟧"}
        else:
            entry.msgstr = f"⟦{marked.text}⟧"
        catalogue.append(entry)
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    catalogue.save_as_mofile(str(folder / "django.mo"))
    settings.LOCALE_PATHS = [str(tmp_path)]


@pytest.mark.usefixtures("marking")
def test_no_heading_label_or_button_is_left_in_english(operator: Client, pages: list[str]) -> None:
    left = {}
    for address in pages:
        content = read_in("de", operator, address).partition('id="content"')[2]
        for _, inside in SAID_BY_PAGES.findall(content):
            text = unescape(re.sub(r"<[^>]*>", " ", inside))
            while (shorter := re.sub(r"⟦[^⟦⟧]*⟧", " ", text)) != text:
                text = shorter
            if set(WORD.findall(text)) - NOT_OURS:
                left[" ".join(text.split())] = address
    assert left == {}
