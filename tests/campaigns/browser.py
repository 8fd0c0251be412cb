"""A browser in front of the real ASGI application."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from arq.constants import default_queue_name
from redis.asyncio import Redis

from asgi_app.asgi import as_sent, refusal
from asgi_app.asgi import site as site_application
from asgi_app.database import in_orm
from asgi_app.gate import Gate
from asgi_app.resources import open_resources
from campaigns.models import Campaign
from chatapp.models import Line


@dataclass
class Site:
    """A browser of anna's."""

    http: httpx.AsyncClient
    # Set, it ends every connection that still waits for its answer.
    hung_up: asyncio.Event

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def post(self, path: str, files: Any = None, **fields: str) -> httpx.Response:
        if "csrftoken" not in self.http.cookies:
            await self.get("/campaigns/new/")
        fields["csrfmiddlewaretoken"] = self.http.cookies["csrftoken"]
        return await self.http.post(path, data=fields, files=files)


@asynccontextmanager
async def open_site() -> AsyncIterator[Site]:
    """Serves the site with the resources that the settings name."""
    hung_up = asyncio.Event()
    async with open_resources() as resources:
        gate = Gate(site_application, refusal=refusal)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            state = {"resources": resources}
            # Whatever the browser thinks: TLS ends before us.
            request = {**scope, "scheme": "http", "state": state}
            is_read = False

            async def hear() -> Any:
                nonlocal is_read
                if is_read:
                    await hung_up.wait()
                    return {"type": "http.disconnect"}
                message = await receive()
                is_read = not message.get("more_body")
                return message

            await gate(as_sent(request), hear, send)

        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, raise_app_exceptions=False),
            base_url="http://localhost",
            auth=("anna", "correct horse"),
        ) as http:
            yield Site(http, hung_up)


def form(line: Line, **changed: str) -> dict[str, str]:
    return {
        "name": "Sale",
        "text": "Hello 👋\r\nBye",
        "line": str(line.pk),
        "pacing": "one_after_another",
        "phones": "8 999 000 00 01, +79990000002",
        "do": "save",
    } | changed


async def rings(redis: Redis) -> list[str]:
    return [job.decode() for job in await redis.zrange(default_queue_name, 0, -1)]


async def fresh(campaign: Campaign) -> Campaign:
    return await in_orm(Campaign.objects.get, pk=campaign.pk)


async def change(campaign: Campaign, **values: Any) -> None:
    await in_orm(Campaign.objects.filter(pk=campaign.pk).update, **values)


def words(response: httpx.Response) -> str:
    """What the page says, without its tags."""
    main = response.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def hidden(page: httpx.Response) -> dict[str, str]:
    """The hidden fields of a page's own form, but for the CSRF token."""
    fields = re.findall(
        r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text
    )
    return {name: value for name, value in fields if name != "csrfmiddlewaretoken"}


async def press_start(site: Site, campaign: Campaign) -> httpx.Response:
    """Looks at the page before the start, and presses its button."""
    page = await site.get(f"/campaigns/{campaign.pk}/confirm/")
    return await site.post(f"/campaigns/{campaign.pk}/start/", **hidden(page))
