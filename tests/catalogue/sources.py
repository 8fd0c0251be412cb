"""Every text that the source tree marks for translation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = ("asgi_app", "campaigns", "chatapp")

# The arguments of each function of gettext, in their order.
_SHAPES = {
    "gettext": ("text",),
    "gettext_noop": ("text",),
    "ngettext": ("text", "plural"),
    "pgettext": ("context", "text"),
    "npgettext": ("context", "text", "plural"),
}
_STRING = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_CALL = re.compile(rf"\b(n?p?gettext|_)\(({_STRING}(?:, {_STRING})*)(?:,\s*count)?\)")


@dataclass(frozen=True)
class Key:
    """What gettext looks a text up by."""

    text: str
    context: str | None = None


@dataclass
class Marked:
    """A marked text, with its plural if it has one and the files it stands in."""

    key: Key
    plural: str = ""
    files: list[str] = field(default_factory=list)


class Unreadable(Exception):
    """A text that is marked, but that no catalogue can hold."""


def marked_texts(root: Path = ROOT) -> dict[Key, Marked]:
    """Reads all modules and templates; raises Unreadable."""
    found: dict[Key, Marked] = {}
    for path in files(root, "*.py", "*.html", "*.txt"):
        name = path.relative_to(root).as_posix()
        source = path.read_text(encoding="utf-8")
        read = in_module if path.suffix == ".py" else in_template
        for key, plural in read(source, name):
            marked = found.setdefault(key, Marked(key))
            if plural and marked.plural not in ("", plural):
                raise Unreadable(f"{name}: two plurals of {key.text!r}")
            marked.plural = marked.plural or plural
            if name not in marked.files:
                marked.files.append(name)
    return found


def files(root: Path, *patterns: str) -> list[Path]:
    """The files of the program, in an order that is the same everywhere."""
    found: set[Path] = set()
    for folder in FOLDERS:
        for pattern in patterns:
            found.update((root / folder).rglob(pattern))
    return sorted(found)


def in_module(source: str, name: str) -> Iterator[tuple[Key, str]]:
    """The texts given to functions of gettext, under whatever names these go.

    One that is known only when the program runs is asked for by `translation.gettext`,
    and is marked where it is made, by `gettext_noop`.
    """
    tree = ast.parse(source, name)
    functions = {
        alias.asname or alias.name: alias.name.removesuffix("_lazy")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module == "django.utils.translation"
        for alias in node.names
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        shape = _SHAPES.get(functions.get(node.func.id, ""))
        if shape is None:
            continue
        values = [
            argument.value if isinstance(argument, ast.Constant) else None
            for argument in node.args[: len(shape)]
        ]
        texts = [value for value in values if isinstance(value, str) and value]
        if len(texts) != len(shape):
            raise Unreadable(f"{name}:{node.lineno}: not a literal text")
        yield _key(shape, texts)


def in_template(source: str, name: str) -> Iterator[tuple[Key, str]]:
    """The texts of a template's tags and of `_("…")` in it."""
    for function, arguments in _CALL.findall(templatize(source, name)):
        texts = [ast.literal_eval(text) for text in re.findall(_STRING, arguments)]
        shape = _SHAPES["gettext" if function == "_" else function]
        yield _key(shape, texts)


def _key(shape: tuple[str, ...], texts: list[str]) -> tuple[Key, str]:
    said = dict(zip(shape, texts, strict=True))
    return Key(said["text"], said.get("context")), said.get("plural", "")
