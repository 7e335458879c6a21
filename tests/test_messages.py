"""What operators read in other languages: nothing is missing, and nothing is left in English."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest

from ingestion.sessions import SessionType
from tests.messages import APP, LANGUAGES, catalogue_of, find_bare, find_marked, renew

pytestmark = [pytest.mark.project, pytest.mark.once]

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|{\w+}")
TEMPLATES = sorted((APP / "templates").rglob("*.html"))

languages = pytest.mark.parametrize("language", LANGUAGES)


def read_sources() -> Iterator[tuple[Path, ast.Module]]:
    """The modules in which a string is marked."""
    for path in sorted(APP.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "django.utils.translation" in text:
            yield path, ast.parse(text)


def entries_of(language: str) -> polib.POFile:
    return polib.pofile(str(catalogue_of(language)))


def forms_of(entry: polib.POEntry) -> list[str]:
    return [*entry.msgstr_plural.values()] if entry.msgid_plural else [entry.msgstr]


@languages
def test_every_string_has_a_translation(language: str) -> None:
    found = {(entry.msgctxt or "", entry.msgid): forms_of(entry) for entry in entries_of(language)}
    assert set(found) == set(find_marked()), "make messages renews the catalogues"
    assert [key for key, forms in found.items() if not all(forms)] == []


@languages
def test_the_catalogue_is_as_it_would_be_renewed(language: str) -> None:
    kept = catalogue_of(language)
    assert str(renew(language)).strip() == kept.read_text(encoding="utf-8").strip()
    assert kept.with_suffix(".mo").read_bytes() == entries_of(language).to_binary()
    assert entries_of(language).fuzzy_entries() == []


@languages
def test_a_translation_has_the_placeholders_of_its_string(language: str) -> None:
    for entry in entries_of(language):
        # A singular may do without the number.
        known = [set(PLACEHOLDER.findall(text)) for text in (entry.msgid, entry.msgid_plural)]
        for text in forms_of(entry):
            assert set(PLACEHOLDER.findall(text)) in known[: 2 if entry.msgid_plural else 1], text
            assert entry.msgid[:1].isspace() is text[:1].isspace(), text


def test_a_string_is_filled_with_the_values_that_it_names() -> None:
    wrong = []
    for path, tree in read_sources():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod)):
                continue
            if not isinstance(node.right, ast.Dict):
                continue
            given = {str(ast.literal_eval(key)) for key in node.right.keys if key is not None}
            texts = [
                one.value
                for one in ast.walk(node.left)
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
            needed = {name for text in texts for name in re.findall(r"%\((\w+)\)", text)}
            # What is named elsewhere is no literal here.
            if texts and None not in node.right.keys and needed != given:
                wrong.append(f"{path}:{node.lineno}")
    assert wrong == []


def test_no_string_is_translated_at_import() -> None:
    """It would be in one language for everybody."""
    early = []
    for path, tree in read_sources():
        at_once = {
            alias.asname or alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
            for alias in node.names
            if alias.name in {"gettext", "ngettext", "pgettext", "npgettext"}
        }
        within = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.Lambda)
            for part in (node.body if isinstance(node.body, list) else [node.body])
            for inner in ast.walk(part)
        }
        early += [
            f"{path}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in at_once
            and id(node) not in within
        ]
    assert early == []


def test_no_text_of_a_template_is_left_in_english() -> None:
    left = {
        str(path.relative_to(APP)): find_bare(path.read_text(encoding="utf-8"))
        for path in TEMPLATES
    }
    assert {name: texts for name, texts in left.items() if texts} == {}


def test_what_is_left_is_found() -> None:
    template = """{% load i18n %}<p title="Left">{% translate "Marked" %}: {{ left }} UTC</p>
        {# left #}<style>.left {}</style><b aria-label="{% translate "Marked" %}">left, too</b>
        {% blocktranslate count n=1 %}{{ n }} left{% plural %}{{ n }} left{% endblocktranslate %}"""
    assert find_bare(template) == ["Left", "left, too"]


def test_every_kind_of_session_is_marked() -> None:
    assert {("", kind.kind.label) for kind in SessionType} <= set(find_marked())
