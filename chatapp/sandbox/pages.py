"""The pages of the sandbox: plain HTML, no script."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template

from chatapp.sandbox.knobs import MEANINGS, TIMED, Endpoint, Knob
from chatapp.sandbox.parts import Parts
from chatapp.sandbox.record import PAGE, Send
from chatapp.sandbox.wire import Request, Response

_ASSETS = Path(__file__).parent / "assets"
_POLICY = (
    "default-src 'none'; style-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
_TYPED = (
    "phone",
    "count",
    "seconds",
    "status",
    "code",
    "message",
    "retry_after",
)
_NO_KNOBS = '<p class="soft">None: the sandbox behaves.</p>'


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


class Pages:
    """Renders what the sandbox holds."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._layout = Template(_asset("layout.html"))
        self._messages = Template(_asset("messages.html"))
        self._knobs = Template(_asset("knobs.html"))
        self._style = _asset("style.css").encode()

    def style(self, request: Request) -> Response:
        """The style sheet of the pages."""
        return Response(body=self._style, content_type="text/css; charset=utf-8")

    def messages(self, request: Request) -> Response:
        """A page of the record; the first one reloads itself every 5 seconds."""
        before = request.query.get("before")
        sends = self._parts.record.before(int(before) if before else None)
        told = self._parts.callbacks.told([send.seq for send in sends])
        counts = self._parts.record.counts()
        cards = [_card(send, told.get(send.seq, [])) for send in sends]
        older = ""
        if len(sends) == PAGE:
            older = f'<nav><a href="/?before={sends[-1].seq}">Older</a></nav>'
        nothing = '<p class="soft">Nothing has come yet.</p>'
        main = self._messages.substitute(
            total=counts.total,
            accepted=counts.accepted,
            refused=counts.refused,
            pending=self._parts.callbacks.pending(),
            issued=self._parts.tokens.issued_today(),
            alive=self._parts.tokens.alive(),
            urls=self._urls(),
            knobs=self._knob_list(),
            messages=f'<ul class="cards">{"".join(cards)}</ul>' if cards else nothing,
            older=older,
        )
        reloads = before is None and request.query.get("reload") != "off"
        if reloads:
            links = '<a href="/?reload=off">Stop reloading</a>'
        else:
            links = '<a href="/">Newest, reloading</a>'
        return self._page("Messages received", main, links, reloads=reloads)

    def knobs(self, request: Request, message: str = "") -> Response:
        """The forms that set knobs; with a message, what was typed stays in them."""
        typed = request.form() if message else {"seconds": "1", "kind": "refuse"}
        kinds = ((str(kind), f"{kind}: {text}") for kind, text in MEANINGS.items())
        left = self._parts.tokens.left
        main = self._knobs.substitute(
            {name: escape(typed.get(name, "")) for name in _TYPED},
            wrong=f'<p class="wrong" role="alert">{escape(message)}</p>'
            if message
            else "",
            knobs=self._knob_list(),
            kinds=_options(kinds, typed.get("kind")),
            endpoints=_options(((str(e), str(e)) for e in Endpoint), typed.get("on")),
            issued=self._parts.tokens.issued_today(),
            alive=self._parts.tokens.alive(),
            quota="counted" if left is None else f"{left} left",
        )
        return self._page("Knobs", main, status=422 if message else 200)

    def _page(
        self,
        title: str,
        main: str,
        links: str = "",
        *,
        status: int = 200,
        reloads: bool = False,
    ) -> Response:
        html = self._layout.substitute(title=title, main=main, links=links)
        headers = {"content-security-policy": _POLICY, "cache-control": "no-store"}
        if reloads:
            headers["refresh"] = "5"
        return Response(
            status=status,
            body=html.encode(),
            content_type="text/html; charset=utf-8",
            headers=headers,
        )

    def _urls(self) -> str:
        found = self._parts.callbacks.urls.listed()
        if not found:
            return '<p class="soft">Nobody has registered a callback URL.</p>'
        items = (
            f"<li>{entry['licenseId']} {escape(entry['messengerType'])}:"
            f" {escape(entry['url'])}"
            f'<p class="small">{escape(", ".join(entry["events"]))}</p></li>'
            for entry in found
        )
        return f'<ul class="cards">{"".join(items)}</ul>'

    def _knob_list(self) -> str:
        knobs = self._parts.knobs.active()
        if not knobs:
            return _NO_KNOBS
        items = "".join(_knob(knob) for knob in knobs)
        clear = (
            '<form method="post" action="/sandbox/knobs/clear">'
            "<p><button>Clear all knobs</button></p></form>"
        )
        return f'<ul class="cards">{items}</ul>{clear}'


def _options(pairs: Iterable[tuple[str, str]], chosen: str | None) -> str:
    return "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>'
        f"{escape(label)}</option>"
        for value, label in pairs
    )


def _knob(knob: Knob) -> str:
    times = "always" if knob.left is None else f"{knob.left} more"
    extras = (
        ("status", knob.status),
        ("code", knob.code),
        ("text", knob.message),
        ("Retry-After", knob.retry_after),
        ("seconds", f"{knob.seconds:g}" if knob.kind in TIMED else ""),
    )
    said = " · ".join(f"{name} {value}" for name, value in extras if value)
    return (
        f'<li><div class="head"><strong>{knob.kind}</strong>'
        f'<span class="tag">{escape(knob.phone or "everybody")}</span>'
        f'<span class="tag">{times}</span><span class="tag">on {knob.on}</span></div>'
        f'<p class="text">{escape(MEANINGS[knob.kind])}</p>'
        f'<p class="small">{escape(said)}</p>'
        '<form method="post" action="/sandbox/knobs/clear">'
        f'<button name="id" value="{knob.id}">Clear</button></form></li>'
    )


def _card(send: Send, told: list[tuple[str, str | None]]) -> str:
    at = datetime.fromtimestamp(send.at, UTC)
    if send.side == "in":
        outcome = '<span class="tag">incoming</span>'
    elif send.accepted:
        outcome = '<span class="tag good">accepted</span>'
    else:
        outcome = '<span class="tag bad">not accepted</span>'
    answer = f'<span class="tag">{escape(send.answer)}</span>' if send.answer else ""
    statuses = ", ".join(f"{label} ({answer or '…'})" for label, answer in told)
    facts = [
        f"{send.licence_id} {send.messenger}",
        f"id {send.message_id}" if send.message_id else "",
        f"tracking {send.tracking}" if send.tracking else "",
        f"called back: {statuses}" if statuses else "",
    ]
    return (
        f'<li><div class="head"><strong>{escape(send.phone)}</strong>{outcome}{answer}'
        f'<time datetime="{at:%Y-%m-%dT%H:%M:%SZ}">{at:%d %b %H:%M:%S} UTC</time></div>'
        f'<p class="text">{escape(send.text)}</p>'
        f'<p class="small">{escape(" · ".join(filter(None, facts)))}</p></li>'
    )
