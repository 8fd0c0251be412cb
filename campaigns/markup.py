"""WhatsApp's own signs for bold, italic and so on, as its phones show them."""

from __future__ import annotations

import re

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

# A sign opens before something and closes after something, at the edges of words and
# within a line; only the fence of a block spans lines.
_MARKS = {"*": "strong", "_": "em", "~": "s"}
_PIECE = re.compile(
    r"```(?P<block>.+?)```"
    r"|`(?P<code>[^`\n]+)`"
    r"|(?P<link>https?://\S+)"
    r"|(?<![\w*_~])(?P<mark>[*_~])(?=\S)(?P<inner>[^\n]*?\S)(?P=mark)(?![\w*_~])",
    re.DOTALL,
)


def render(text: str) -> SafeString:
    """The text as HTML: marked words in their elements, everything else escaped."""
    pieces: list[SafeString] = []
    at = 0
    for found in _PIECE.finditer(text):
        pieces += [format_html("{}", text[at : found.start()]), _piece(found)]
        at = found.end()
    pieces.append(format_html("{}", text[at:]))
    return format_html_join("", "{}", ((piece,) for piece in pieces))


def _piece(found: re.Match[str]) -> SafeString:
    if found["link"]:
        # Looks like a link, and leads nowhere: this is a picture of a phone.
        return format_html('<span class="link">{}</span>', found["link"])
    if code := found["block"] or found["code"]:
        return format_html("<code>{}</code>", code)
    element = mark_safe(_MARKS[found["mark"]])  # ours, of three
    return format_html("<{0}>{1}</{0}>", element, render(found["inner"]))
