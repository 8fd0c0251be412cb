"""The Russian catalogue: read, brought up to date, judged."""

from __future__ import annotations

import re
from collections.abc import Mapping

import polib

from tests.catalogue.sources import ROOT, Key, Marked

PATH = ROOT / "campaigns" / "locale" / "ru" / "LC_MESSAGES" / "django.po"
COMPILED = PATH.with_suffix(".mo")
# 1 сообщение, 2 сообщения, 5 сообщений
PLURALS = (
    "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : "
    "n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);"
)
FORMS = 3
# Neither a date nor a program: they would change with every run.
_METADATA = {
    "Language": "ru",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
    "Plural-Forms": PLURALS,
}
_PLACEHOLDER = re.compile(r"%\((\w+)\)[a-z]|%[a-z%]")
_COUNTERS = {"count", "counter"}


def read() -> polib.POFile:
    return polib.pofile(str(PATH), encoding="utf-8", wrapwidth=88)


def updated(old: polib.POFile, marked: Mapping[Key, Marked]) -> polib.POFile:
    """The catalogue of these texts; what was translated is kept, the rest is empty."""
    known = {_key(entry): entry for entry in old}
    new = polib.POFile(encoding="utf-8", wrapwidth=88)
    new.header = old.header
    new.metadata = dict(_METADATA)
    order = sorted(
        marked, key=lambda key: (key.text.lower(), key.text, key.context or "")
    )
    for key in order:
        text, before = marked[key], known.get(key)
        entry = polib.POEntry(
            msgid=key.text,
            msgctxt=key.context,
            # Without line numbers, which change with every edit.
            occurrences=[(name, "") for name in text.files],
            tcomment=before.tcomment if before else "",
            flags=[flag for flag in before.flags if flag == "fuzzy"] if before else [],
        )
        if text.plural:
            entry.msgid_plural = text.plural
            forms = before.msgstr_plural if before else {}
            entry.msgstr_plural = {n: forms.get(n, "") for n in range(FORMS)}
        elif before:
            entry.msgstr = before.msgstr
        new.append(entry)
    return new


def faults(catalogue: polib.POFile, marked: Mapping[Key, Marked]) -> list[str]:
    """What is wrong with the catalogue, a line each; none if it is whole."""
    known = {_key(entry): entry for entry in catalogue}
    found = [f"dead: {key.text!r}" for key in known if key not in marked]
    for key, text in marked.items():
        entry = known.get(key)
        if entry is None:
            found.append(f"missing: {key.text!r} ({', '.join(text.files)})")
        else:
            found += [f"{fault}: {key.text!r}" for fault in _faults(entry, text.plural)]
    return found


def _faults(entry: polib.POEntry, plural: str) -> list[str]:
    if entry.fuzzy:
        return ["fuzzy"]
    if plural != entry.msgid_plural:
        return ["another plural"]
    forms = list(entry.msgstr_plural.values()) if plural else [entry.msgstr]
    if not all(form.strip() for form in forms) or len(forms) != (
        FORMS if plural else 1
    ):
        return ["not translated"]
    wanted, allowed = _placeholders(entry.msgid), _placeholders(plural or entry.msgid)
    found = []
    for form in forms:
        held = _placeholders(form)
        # "One" may be said in a word, in either language.
        missing = (wanted & allowed) - held - (_COUNTERS if plural else set())
        if missing or held - wanted - allowed:
            found.append(f"placeholders differ in {form!r}")
        if _edges(form) != _edges(entry.msgid):
            found.append(f"white space at the edges differs in {form!r}")
    return found


def _placeholders(text: str) -> set[str]:
    """Their names, or as they are written where they have none."""
    return {match[1] or match[0] for match in _PLACEHOLDER.finditer(text)}


def _edges(text: str) -> tuple[bool, bool]:
    return text[:1].isspace(), text[-1:].isspace()


def _key(entry: polib.POEntry) -> Key:
    return Key(entry.msgid, entry.msgctxt)
