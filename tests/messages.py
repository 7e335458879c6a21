"""The catalogues of what operators read in the admin, without GNU gettext: `make messages`.

Strings are found where they are marked, in templates and in Python; a translation stays with its
string, a new string begins without one, and one that is gone is dropped. `tests/test_messages.py`
looks for gaps.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import polib
from django.utils.translation.template import templatize

from f1picks.environment import ROOT

APP = ROOT / "ingestion"
LANGUAGES = {"de": "nplurals=2; plural=(n != 1);", "pt_BR": "nplurals=2; plural=(n > 1);"}
# By the name of the function: which arguments are the context, the string and the plural.
MARKS: dict[str, tuple[int | None, int, int | None]] = {
    **dict.fromkeys(("_", "_lazy", "gettext", "gettext_lazy", "gettext_noop"), (None, 0, None)),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (None, 0, 1)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), (0, 1, None)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), (0, 1, 2)),
}
# As Django turns templates into a language that extractors know.
STRING = r"""u?(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
IN_TEMPLATE = re.compile(rf"\b(n?p?gettext|_)\(({STRING}(?:\s*,\s*(?:{STRING}|\w+))*)\)")


@dataclass
class Marked:
    """A string in its context, '' without one; `places` are the files that have it."""

    context: str
    text: str
    plural: str
    is_format: bool
    places: set[str] = field(default_factory=set)


@cache
def find_marked() -> dict[tuple[str, str], Marked]:
    found: dict[tuple[str, str], Marked] = {}
    for path in sorted([*APP.rglob("*.py"), *APP.rglob("*.html")]):
        calls = find_in_template(path) if path.suffix == ".html" else find_in_python(path)
        for context, text, plural in calls:
            is_format = bool(re.search(r"%\(\w+\)", text))
            marked = Marked(context, text, plural, is_format=is_format)
            one = found.setdefault((context, text), marked)
            one.plural = one.plural or plural
            one.places.add(str(path.relative_to(APP)))
    return found


def find_in_python(path: Path) -> Iterator[tuple[str, str, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield from read_call(node.func.id, node, str(path))


def find_in_template(path: Path) -> Iterator[tuple[str, str, str]]:
    code = templatize(path.read_text(encoding="utf-8"), origin=str(path))
    for name, arguments in IN_TEMPLATE.findall(code):
        call = ast.parse(f"{name}({arguments})", mode="eval").body
        assert isinstance(call, ast.Call)
        yield from read_call(name, call, str(path))


def read_call(name: str, call: ast.Call, place: str) -> Iterator[tuple[str, str, str]]:
    if name not in MARKS:
        return
    texts: list[str] = []
    for index in MARKS[name]:
        argument = call.args[index] if index is not None else ast.Constant("")
        # Marked elsewhere, as what a table has.
        if isinstance(argument, ast.Name | ast.Attribute | ast.Call):
            return
        if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
            raise TypeError(f"{place}:{call.lineno} marks what is no string: {ast.unparse(call)}")
        texts.append(argument.value)
    context, text, plural = texts
    yield context, text, plural


def catalogue_of(language: str) -> Path:
    return APP / "locale" / language / "LC_MESSAGES" / "django.po"


def renew(language: str) -> polib.POFile:
    """The catalogue with the strings as they are marked now."""
    path = catalogue_of(language)
    known = polib.pofile(str(path)) if path.exists() else polib.POFile()
    translated = {(one.msgctxt or "", one.msgid): one for one in known}
    renewed = polib.POFile(wrapwidth=100)
    renewed.metadata = {
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": LANGUAGES[language],
    }
    for key, marked in sorted(find_marked().items(), key=lambda item: (item[0][1], item[0][0])):
        old = translated.get(key)
        entry = polib.POEntry(
            msgctxt=marked.context or None,
            msgid=marked.text,
            occurrences=[(place, "") for place in sorted(marked.places)],
            flags=["python-format"] if marked.is_format else [],
        )
        if marked.plural:
            entry.msgid_plural = marked.plural
            forms = old.msgstr_plural if old is not None else {}
            entry.msgstr_plural = {number: forms.get(number, "") for number in (0, 1)}
        elif old is not None:
            entry.msgstr = old.msgstr
        renewed.append(entry)
    return renewed


def write(catalogue: polib.POFile, language: str) -> None:
    path = catalogue_of(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    catalogue.save(str(path))
    catalogue.save_as_mofile(str(path.with_suffix(".mo")))


# Of a template what a reader sees: no tags of either kind, no comments, styles or scripts.
HIDDEN = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1>", re.DOTALL)
TRANSLATED = re.compile(
    r"{%\s*blocktrans(?:late)?\b.*?%}.*?{%\s*endblocktrans(?:late)?\s*%}", re.DOTALL
)
# Names of styles.
OF_STYLES = re.compile(r"{% block (?:bodyclass|coltype) %}.*?{% endblock %}", re.DOTALL)
READ_ALOUD = re.compile(r"\b(?:aria-label|title|placeholder|alt)=\"([^\"]*)\"")
TAG = re.compile(r"<[^>]*>")
# Three letters are a word; `UTC` and `CSV` are the same in every language.
LETTERS = re.compile(r"[A-Za-z]{2,}")
SAME_EVERYWHERE = {"UTC", "CSV", "JSON"}


def find_bare(template: str) -> list[str]:
    """Text of a template that is not marked."""
    text = HIDDEN.sub(" ", OF_STYLES.sub(" ", TRANSLATED.sub(" ", template)))
    text = re.sub(r"{#.*?#}", " ", text)
    # Before the tags go: an attribute may hold one.
    text = re.sub(r"{%.*?%}|{{.*?}}", "\0", text, flags=re.DOTALL)
    seen = [*READ_ALOUD.findall(text), *TAG.sub("\n", text).split("\n")]
    pieces = (re.sub(r"&\w+;", " ", piece) for one in seen for piece in one.split("\0"))
    return [piece.strip() for piece in pieces if set(LETTERS.findall(piece)) - SAME_EVERYWHERE]


def main() -> int:
    for language in LANGUAGES:
        catalogue = renew(language)
        write(catalogue, language)
        missing = [entry.msgid for entry in catalogue.untranslated_entries()]
        print(f"{language}: {len(catalogue)} strings, {len(missing)} without a translation")  # noqa: T201
        for text in missing:
            print(f"  {text}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
