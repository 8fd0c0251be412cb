"""No text of the program stays without its Russian."""

from __future__ import annotations

import re
from pathlib import Path

import polib
import pytest
from django.utils import translation

from campaigns import wording
from tests.catalogue import russian
from tests.catalogue.literals import unmarked
from tests.catalogue.sources import (
    ROOT,
    Key,
    Marked,
    Unreadable,
    files,
    in_module,
    in_template,
    marked_texts,
)

TEXTS = {
    Key("Name"): Marked(Key("Name"), files=["a.py"]),
    Key("Name", "line"): Marked(Key("Name", "line"), files=["b.html"]),
    Key("%(n)d left"): Marked(Key("%(n)d left"), "%(n)d left by %(by)s", ["a.py"]),
}


def whole() -> polib.POFile:
    catalogue = russian.updated(polib.POFile(), TEXTS)
    for entry in catalogue:
        if entry.msgid_plural:
            entry.msgstr_plural = {0: "%(n)d а", 1: "%(n)d б", 2: "%(n)d в"}
        else:
            entry.msgstr = "Имя"
    return catalogue


def test_every_text_is_translated() -> None:
    assert russian.faults(russian.read(), marked_texts()) == []


def test_the_catalogue_is_as_make_messages_leaves_it() -> None:
    updated = russian.updated(russian.read(), marked_texts())
    assert str(updated) == str(russian.read()), "run `make messages`"
    assert russian.COMPILED.read_bytes() == updated.to_binary(), "run `make messages`"


@pytest.mark.parametrize(
    "wrong",
    [
        *("обработчик", "квитанци", "учётн", "неясн"),  # the glossary has others
        *("‹", "›", '"', "“"),  # quotes are «…»
        *(r"\(а\)", r"\(ась?\)"),  # nobody's gender is known
        r"\w …",  # it follows its word at once
    ],
)
def test_the_russian_keeps_to_its_glossary(wrong: str) -> None:
    told = [
        text
        for entry in russian.read()
        for text in (entry.msgstr, *entry.msgstr_plural.values())
    ]
    without_tags = [re.sub("<[^>]*>", "", text) for text in told]
    assert [text for text in without_tags if re.search(wrong, text)] == []


def test_who_did_what_is_told_without_a_gender() -> None:
    with translation.override("ru"):
        said = [str(verb) for verb in wording.VERBS.values()]
    assert [verb for verb in said if not verb.startswith("— ")] == []


@pytest.mark.parametrize(
    "path",
    [path for path in files(ROOT, "*.html") if "sandbox" not in path.parts],
    ids=lambda path: path.name,
)
def test_a_template_holds_no_text_that_is_not_marked(path: Path) -> None:
    assert unmarked(path.read_text(encoding="utf-8")) == []


def test_a_whole_catalogue_has_no_faults() -> None:
    assert russian.faults(whole(), TEXTS) == []


@pytest.mark.parametrize(
    ("msgid", "change", "fault"),
    [
        ("Name", {"msgstr": ""}, "not translated"),
        ("Name", {"msgstr": " "}, "not translated"),
        ("Name", {"flags": ["fuzzy"]}, "fuzzy"),
        ("Name", {"msgid": "Names"}, "missing"),
        ("Name", {"msgid": "Names"}, "dead"),
        ("Name", {"msgstr": "Имя %(n)s"}, "placeholders"),
        ("Name", {"msgstr": "Имя "}, "white space"),
        ("%(n)d left", {"msgid_plural": "%(n)d"}, "another plural"),
        ("%(n)d left", {"msgstr_plural": {0: "%(n)d", 1: "%(n)d"}}, "not translated"),
        (
            "%(n)d left",
            {"msgstr_plural": {0: "%(n)d", 1: "%(n)d", 2: ""}},
            "not translated",
        ),
        (
            "%(n)d left",
            {"msgstr_plural": {0: "%(n)d", 1: "%(n)d", 2: "а"}},
            "placeholders",
        ),
    ],
)
def test_a_fault_is_named(msgid: str, change: dict[str, object], fault: str) -> None:
    catalogue = whole()
    entry = catalogue.find(msgid)
    assert entry is not None
    for name, value in change.items():
        setattr(entry, name, value)
    assert any(line.startswith(fault) for line in russian.faults(catalogue, TEXTS))


def test_an_update_keeps_what_is_translated_and_drops_what_is_gone() -> None:
    texts = {key: text for key, text in TEXTS.items() if key.context is None}
    texts[Key("New")] = Marked(Key("New"), files=["c.py"])
    updated = russian.updated(whole(), texts)
    assert [entry.msgid for entry in updated] == ["%(n)d left", "Name", "New"]
    assert [entry.msgstr for entry in updated] == ["", "Имя", ""]
    assert str(russian.updated(updated, texts)) == str(updated)


def test_texts_are_found_under_any_name_of_the_function() -> None:
    source = (
        "from django.utils.translation import gettext_lazy as lazy, ngettext\n"
        "from django.utils.translation import pgettext as _p\n"
        "a = lazy('One ' 'two')\nb = ngettext('%(n)d day', '%(n)d days', 2)\n"
        "c = _p('line', 'Name')\nd = other('Three')\n"
    )
    assert set(in_module(source, "a.py")) == {
        (Key("One two"), ""),
        (Key("%(n)d day"), "%(n)d days"),
        (Key("Name", "line"), ""),
    }


def test_a_text_that_is_put_together_cannot_be_translated() -> None:
    source = "from django.utils.translation import gettext as _\na = _(f'{b} days')\n"
    with pytest.raises(Unreadable, match=r"a\.py:2"):
        list(in_module(source, "a.py"))


def test_texts_of_templates_are_found() -> None:
    source = """<p title="{% translate 'A "b"' %}">{{ x|default:_("None yet") }}
      {% translate "Name" context "line" %}
      {% blocktranslate count n=days trimmed %}
        {{ n }} day
      {% plural %}
        {{ n }} days
      {% endblocktranslate %}</p>"""
    assert set(in_template(source, "a.html")) == {
        (Key('A "b"'), ""),
        (Key("None yet"), ""),
        (Key("Name", "line"), ""),
        (Key("%(n)s day"), "%(n)s days"),
    }


def test_a_text_without_a_mark_is_noticed() -> None:
    source = """<p aria-label="Nobody">{% translate "Good" %} Bad {{ x }} · 5
      {% blocktranslate %}Fine{% endblocktranslate %}</p>"""
    assert unmarked(source) == ["Nobody", "Bad · 5"]
