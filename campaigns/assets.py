"""The style sheet and the icon, served from memory under their content's hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

FOLDER = Path(__file__).parent / "static" / "campaigns"
TYPES = {
    "style.css": "text/css; charset=utf-8",
    "favicon.svg": "image/svg+xml",
}
# Private, because the site is behind Basic auth.
CACHING = "private, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    body: bytes
    digest: str
    content_type: str


@cache
def load() -> dict[str, Asset]:
    """Reads the listed files, once."""
    found = {}
    for name, content_type in TYPES.items():
        body = (FOLDER / name).read_bytes()
        digest = hashlib.sha256(body).hexdigest()[:16]
        found[name] = Asset(body, digest, content_type)
    return found


def address(name: str) -> str:
    """Where the file is served; the address changes with its content."""
    return reverse("campaigns:asset", args=[load()[name].digest, name])


@require_safe
async def asset(request: HttpRequest, digest: str, name: str) -> HttpResponse:
    found = load().get(name)
    if found is None or digest != found.digest:
        raise Http404
    return HttpResponse(
        found.body,
        content_type=found.content_type,
        headers={"Cache-Control": CACHING},
    )
