"""A clerk who makes campaigns without a browser: quick, for what is only looked at."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from tests.browser.installation import OPERATOR

LIMIT_S = 150.0
LOOK_S = 0.2
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


@asynccontextmanager
async def clerk_at(url: str) -> AsyncIterator[Clerk]:
    async with httpx.AsyncClient(
        base_url=url, auth=OPERATOR, follow_redirects=True, timeout=60
    ) as http:
        yield Clerk(http)


@dataclass
class Clerk:
    http: httpx.AsyncClient

    async def draft(self, name: str, text: str, phones: list[str], line: str) -> str:
        """Stores a campaign for the line of that name; the path of its page."""
        choice = rf'name="line" value="(\d+)"[^<]*>\s*<span>{re.escape(line)} '
        page = await self.waits_for("/campaigns/new/", choice)
        chosen = re.search(choice, page)
        assert chosen
        fields = {"name": name, "text": text, "phones": "\n".join(phones)}
        fields |= {"line": chosen[1], "pacing": "one_after_another", "do": "save"}
        saved = await self.http.post(
            "/campaigns/new/", data={**fields, **_hidden(page, "/campaigns/new/")}
        )
        assert re.fullmatch(r"/campaigns/\d+/", saved.url.path), saved.text
        return saved.url.path

    async def send(self, name: str, text: str, phones: list[str], line: str) -> str:
        """Stores and starts a campaign; the path of its page."""
        path = await self.draft(name, text, phones, line)
        await self.press(f"{path}start/", on=f"{path}confirm/")
        return path

    async def press(self, action: str, *, on: str, **typed: str) -> None:
        """Sends the form with this action, as the button in it would."""
        page = (await self.http.get(on)).text
        answer = await self.http.post(action, data={**_hidden(page, action), **typed})
        answer.raise_for_status()

    async def waits_for(self, path: str, told: str) -> str:
        """The page, as soon as it holds what the pattern tells."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                page = (await self.http.get(path)).text
                if re.search(told, page):
                    return page
                await asyncio.sleep(LOOK_S)


def _hidden(page: str, action: str) -> Mapping[str, str]:
    """The hidden fields of a form, the one-time ones among them."""
    form = page.partition(f'action="{action}"')[2].partition("</form>")[0]
    assert form, page
    return {name: html.unescape(value) for name, value in _HIDDEN.findall(form)}
