"""Every address of the site, and requests for them that no browser would make."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

from django import forms
from django.urls import URLPattern, URLResolver, get_resolver
from hypothesis import strategies as st

import campaigns
import chatapp
from tests.asgi_app.door import basic

MARK = "<script>alert(1)</script>"
CSRF = "a" * 32
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_TAKEN = re.compile(r"""(?:GET|POST)(?:\.get|\.getlist)?[(\[]["'](\w+)["']""")

NASTY = st.sampled_from(
    [
        *("", "0", "-1", "1" * 30, str(2**31), str(2**63), str(2**64), "1e999", "NaN"),
        *("\0", "%00", "a\0b", "\ud800", "\udcff", "٣", "\u202e", "ﬀ", "🙂" * 300),
        *(MARK, f'">{MARK}', f"'{MARK}", "{{ 7 }}{% x %}", "javascript:alert(1)"),
        *("//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil"),
        *(
            "a\r\nX-Forged: 1",
            "\x1b[31m",
            "../../etc/passwd",
            "' OR 1=1 --",
            "x" * 5000,
        ),
        *(
            "2026-02-30",
            "9999-12-31",
            "0001-01-01T00:00",
            "+79990000000",
            "[a|{b}",
            "on",
        ),
    ]
)
VALUES = st.one_of(NASTY, st.text(max_size=20), st.integers(0, 20).map(str))
METHODS = st.sampled_from(
    ["GET"] * 4 + ["POST"] * 5 + ["HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "X"]
)
HEADERS = st.sampled_from(
    [
        "Cookie",
        "Accept-Language",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "Origin",
        "Referer",
        "Range",
        "If-Modified-Since",
        "If-None-Match",
        "Content-Type",
        "Accept",
        "X-HTTP-Method-Override",
        "Host",
    ]
)


ANNA = (
    (b"host", b"localhost"),
    (b"authorization", basic("anna", "correct horse")["Authorization"].encode()),
    (b"cookie", f"csrftoken={CSRF}".encode()),
)


@dataclass(frozen=True)
class Asked:
    """A request as an ASGI server would pass it on."""

    method: str
    path: str
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = field(default=b"", repr=False)

    def without(self, header: bytes) -> Asked:
        headers = tuple(pair for pair in self.headers if pair[0] != header)
        return replace(self, headers=headers)

    def scope(self, state: Mapping[str, Any]) -> dict[str, Any]:
        raw_path = quote(self.path, errors="surrogatepass")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": unquote(raw_path),
            "raw_path": raw_path.encode(),
            "root_path": "",
            "query_string": self.query,
            "headers": list(self.headers),
            "client": ("203.0.113.5", 4711),
            "server": ("localhost", 80),
            "state": dict(state),
        }


def routes(urls: str | None = None) -> list[str]:
    """The address of each view, with its parameters in angle brackets."""
    found = {re.sub(r"<\w+:", "<", one) for one in _walk(get_resolver(urls), "/")}
    return sorted(found)


def _walk(resolver: URLResolver, before: str) -> Iterator[str]:
    for one in resolver.url_patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLPattern):
            yield route
        else:
            yield from _walk(one, route)


@cache
def taken_names() -> list[str]:
    """The names of every form's fields, and of what views look up by themselves."""
    names = {"csrfmiddlewaretoken", "next", "language"}
    for package in (campaigns, chatapp):
        for file in Path(str(package.__file__)).parent.rglob("*.py"):
            names |= set(_TAKEN.findall(file.read_text(encoding="utf-8")))
    waiting: list[type[forms.BaseForm]] = [forms.BaseForm]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            names |= set(getattr(kind, "base_fields", {}))
    return sorted(names)


def addresses(route: str, known: Mapping[str, list[str]]) -> st.SearchStrategy[str]:
    """Mostly of what there is, as hardly any would be else."""
    values = st.fixed_dictionaries(
        {
            name: st.one_of(*[st.sampled_from(known.get(name, ["1"]))] * 4, VALUES)
            for name in _PARAMETER.findall(route)
        }
    )
    return values.map(lambda given: _PARAMETER.sub(lambda m: given[m[1]], route))


@st.composite
def requests(draw: st.DrawFn, address: st.SearchStrategy[str]) -> Asked:
    """Anna's, with any method, query, headers and body."""
    names = st.sampled_from(taken_names())
    pairs = st.lists(st.tuples(names, VALUES), max_size=8)
    method = draw(METHODS)
    query = draw(st.one_of(pairs.map(_encoded), st.binary(max_size=30)))
    sent = dict(ANNA)
    body = b""
    if method in {"POST", "PUT", "DELETE", "X"}:
        kind, body = draw(st.one_of(_form(pairs), _multipart(pairs), _junk()))
        sent |= {b"content-type": kind, b"content-length": str(len(body)).encode()}
    for name in draw(st.lists(HEADERS, max_size=2)):
        value = draw(st.one_of(NASTY, st.text(max_size=20)))
        sent[name.lower().encode()] = value.encode("utf-8", "surrogatepass")
    return Asked(method, draw(address), query, tuple(sent.items()), body)


def _encoded(pairs: list[tuple[str, str]]) -> bytes:
    return urlencode(pairs, errors="surrogatepass").encode()


def _form(pairs: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[bytes, bytes]]:
    kind = b"application/x-www-form-urlencoded"
    return pairs.map(lambda p: (kind, _encoded([("csrfmiddlewaretoken", CSRF), *p])))


@st.composite
def _multipart(draw: st.DrawFn, pairs: st.SearchStrategy[Any]) -> tuple[bytes, bytes]:
    parts = [f'name="csrfmiddlewaretoken"\r\n\r\n{CSRF}']
    parts += [f'name="{name}"\r\n\r\n{value}' for name, value in draw(pairs)]
    for name in draw(st.lists(st.sampled_from(["upload", "file", "x"]), max_size=2)):
        content = draw(st.one_of(VALUES, st.just("+79990000001\nфыва\n8 999")))
        parts.append(
            f'name="{name}"; filename="{draw(VALUES)}"\r\n'
            f"Content-Type: {draw(VALUES)}\r\n\r\n{content}"
        )
    whole = "".join(f"--b\r\nContent-Disposition: form-data; {p}\r\n" for p in parts)
    body = (whole + "--b--\r\n").encode("utf-8", "surrogatepass")
    if draw(st.booleans()):
        return b"multipart/form-data; boundary=b", body
    # Cut anywhere, or of a kind that it is not.
    cut = draw(st.integers(0, len(body)))
    kinds = [b"multipart/form-data; boundary=b", b"multipart/form-data", b"multipart/x"]
    kinds += [b"multipart/form-data; boundary=" + b"b" * 300, b"text/x; charset=nope"]
    return draw(st.sampled_from(kinds)), body[:cut]


def _junk() -> st.SearchStrategy[tuple[bytes, bytes]]:
    kinds = [
        b"application/json",
        b"application/x-www-form-urlencoded; charset=nope",
        b"",
    ]
    bodies = st.one_of(
        st.binary(max_size=60), st.sampled_from([b"{}", b"[[[", b"null"])
    )
    return st.tuples(st.sampled_from(kinds), bodies)
