"""Forms of a page as a browser fills them in: what is there, changed by what a person types."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.test import Client


@dataclass
class Form:
    """`action` without its fragment; `fields` are what it would send, its buttons apart."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)

    def send(
        self, client: Client, button: Mapping[str, str], typed: Mapping[str, str]
    ) -> HttpResponse:
        unknown = set(typed) - set(self.fields)
        assert not unknown, f"the form has no {unknown}, it has {set(self.fields)}"
        answer = client.post(self.action, {**self.fields, **typed, **button}, follow=True)
        assert isinstance(answer, HttpResponse)
        return answer


class FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select = self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(urlsplit(known.get("action", "")).path)
            self.forms.append(self._form)
        if self._form is None:
            return
        name = known.get("name", "")
        if tag == "input" and name:
            self._read_input(self._form, name, known)
        elif tag == "select":
            self._select = name
            self._form.fields[name] = ""
        elif tag == "option" and self._select and "selected" in known:
            self._form.fields[self._select] = known.get("value", "")
        elif tag == "textarea":
            self._textarea = name
            self._form.fields[name] = ""

    def _read_input(self, form: Form, name: str, known: Mapping[str, str]) -> None:
        if known.get("type") in ("radio", "checkbox"):
            form.fields.setdefault(name, "")
            if "checked" not in known:
                return
        is_box = known.get("type") == "checkbox"
        form.fields[name] = known.get("value", "on" if is_box else "")

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._textarea:
            # A browser leaves out the line end behind the tag.
            self._form.fields[self._textarea] += data.strip("\r\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._textarea = ""


def form_to(html: str, action: str) -> Form:
    reader = FormReader()
    reader.feed(html)
    found = [form for form in reader.forms if form.action == action]
    assert len(found) == 1, f"forms lead to {[form.action for form in reader.forms]}"
    return found[0]
