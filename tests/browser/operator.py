"""An operator at a browser: each method is one thing that they do or look for."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import (
    Browser,
    Error,
    FilePayload,
    Locator,
    Page,
    Response,
    expect,
)

from campaigns import wording
from campaigns.states import MessageStatus
from tests.browser.installation import OPERATOR
from tests.browser.words import Words

# The last status comes 6 s after the message.
NEWS_MS = 60_000
LOOK_MS = 250
SLOW_MACHINE_MS = 30_000
LOCALES = {"en": "en-GB", "ru": "ru-RU"}


@dataclass
class Operator:
    page: Page
    url: str
    words: Words

    async def open(self, path: str) -> Response:
        try:
            answer = await self.page.goto(f"{self.url}{path}")
        except Error as error:
            _must_be_reload(error)
            return await self.open(path)
        assert answer
        return answer

    async def open_form(self) -> None:
        """Opens the form for a campaign, once the worker has found the lines."""
        await self.open("/campaigns/new/")
        line = self.page.get_by_role("radio", name="Sandbox WhatsApp")
        await self._reload_until(line)

    async def fill(self, label: str, value: str) -> None:
        await self.field(label).fill(value)

    def field(self, label: str) -> Locator:
        text = re.escape(self.words(label))
        return self.page.get_by_label(re.compile(rf"^\s*{text}:?\s*$"))

    async def upload(self, file: Path | tuple[str, bytes]) -> None:
        """Chooses a file, or one of that name with these bytes."""
        chosen: Path | FilePayload
        if isinstance(file, Path):
            chosen = file
        else:
            name, data = file
            kind = "application/octet-stream"
            chosen = {"name": name, "mimeType": kind, "buffer": data}
        await self.page.locator("input[type=file]").set_input_files(chosen)

    async def press(self, label: str) -> None:
        await self.button(self.words(label)).click()

    def button(self, name: str | re.Pattern[str]) -> Locator:
        """The first of that name: a form may have one above the list and one below."""
        exact = isinstance(name, str)
        return self.page.get_by_role("button", name=name, exact=exact).first

    async def follow(self, label: str) -> None:
        link = self.page.get_by_role("link", name=self.words(label), exact=True)
        await link.first.click()

    async def save_draft(self, *, name: str, text: str, phones: list[str]) -> str:
        """Writes a campaign and saves it; the path of its page."""
        await self.open_form()
        await self.fill("Name", name)
        await self.fill("Text", text)
        await self.fill("Phones", "\n".join(phones))
        await self.press("Save as draft")
        await expect(self.page).to_have_url(re.compile(r"/campaigns/\d+/$"))
        return self.path

    async def start(self, count: int) -> None:
        """Starts the draft that is shown and comes to its results."""
        await self.press_start(count)
        await expect(self.page).to_have_url(re.compile(r"/campaigns/\d+/$"))

    async def press_start(self, count: int) -> None:
        """Presses Start on the confirm page, which it opens from the draft's."""
        confirm = self.page.locator("a[href$='/confirm/']")
        if await confirm.count():
            await confirm.click()
        await self.start_button(count).click()

    def start_button(self, count: int) -> Locator:
        """The button of the confirm page, which repeats the count."""
        form = self.page.locator("form[action$='/start/']")
        return form.get_by_role("button", name=re.compile(rf"\b{count}\b"))

    async def send(self, *, name: str, text: str, phones: list[str]) -> str:
        """Writes a campaign and starts it; the path of its page."""
        path = await self.save_draft(name=name, text=text, phones=phones)
        await self.start(len(phones))
        return path

    async def cancel_for_good(self, path: str) -> None:
        await self.open(f"{path}cancel/")
        await self.press("Cancel the campaign")

    @property
    def path(self) -> str:
        """Where the browser is, without what only says how to look at it."""
        return self.page.url.removeprefix(self.url).partition("?")[0]

    @property
    def main(self) -> Locator:
        return self.page.locator("main")

    async def sees(self, *texts: str) -> None:
        """Reads all of this on the page as it is."""
        for text in texts:
            await expect(self.main).to_contain_text(text)

    async def waits_to_see(self, *texts: str) -> None:
        """Reloads the page until it says all of this."""
        for text in texts:
            await self._reload_until(self.main.filter(has_text=text))

    async def waits_for_status(self, phone: str, status: MessageStatus) -> None:
        """Reloads the page until the message's row says this status."""
        said = re.compile(rf"^\s*{self.words(wording.MESSAGES[status])}\s*$")
        badge = self.page.locator(".badge", has_text=said)
        await self._reload_until(self.row(phone).filter(has=badge))

    def row(self, phone: str) -> Locator:
        """A message's row in the table of all messages, which comes last."""
        return self.page.get_by_role("row").filter(has_text=phone).last

    async def _reload_until(self, there: Locator) -> None:
        for _ in range(NEWS_MS // LOOK_MS):
            if await there.count():
                return
            await self.page.wait_for_timeout(LOOK_MS)
            try:
                await self.page.reload()
            except Error as error:
                _must_be_reload(error)
        raise AssertionError(f"it never came: {there}\n{await self.main.inner_text()}")


def _must_be_reload(error: Error) -> None:
    """Goes on where a page that was about to reload itself came between."""
    said = str(error)
    if "ERR_ABORTED" not in said and "interrupted by another navigation" not in said:
        raise error


@asynccontextmanager
async def signed_in(
    chromium: Browser,
    url: str,
    words: Words,
    *,
    password: str = OPERATOR[1],
    **options: Any,
) -> AsyncIterator[Operator]:
    """A browser window; unless the options say otherwise, with JavaScript off."""
    context = await chromium.new_context(
        http_credentials={"username": OPERATOR[0], "password": password},
        locale=LOCALES[words.language],
        **{"java_script_enabled": False, **options},
    )
    context.set_default_timeout(SLOW_MACHINE_MS)
    try:
        yield Operator(await context.new_page(), url, words)
    finally:
        await context.close()
