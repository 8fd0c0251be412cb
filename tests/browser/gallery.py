"""Campaigns in every state, and how a browser comes to see each page."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from playwright.async_api import expect

from tests.browser.clerk import Clerk
from tests.browser.installation import Installation
from tests.browser.operator import Operator
from tests.browser.phones import made_up

TEXT = "Hello 👋\nOur spring sale is open until Sunday."
WRONG = "nobody\n7.9E+10\n8 800 555 35 35\n8 (999) 00\n<b>none</b>"
CLOUD = "Sandbox WhatsApp Cloud · caWhatsApp"
TELEGRAM = "Sandbox WhatsApp Cloud · telegram"
STANDS = "?reload=off"
# Last pages with few rows: axe looks at every cell.
ROWS, FEW = 100, 4
MANY = ROWS + FEW


@dataclass(frozen=True)
class Gallery:
    """The paths of campaigns by their state."""

    paths: Mapping[str, str]


async def hang(clerk: Clerk, installation: Installation) -> Gallery:
    """Makes a campaign for each state; the line of the other tests stays free."""
    paths: dict[str, str] = {}
    phones = made_up(4)
    listed = [*phones, f"8{phones[0][2:]}", *WRONG.splitlines()]
    paths["draft"] = await clerk.draft("Draft with remarks", TEXT, listed, CLOUD)

    phones = made_up(4)
    installation.set_knob("status_early")
    installation.set_knob("refuse", phone=phones[1], status=400, code="ApiNoSuchChat")
    paths["finished"] = await clerk.send("Finished", TEXT, phones, CLOUD)

    phones = made_up(3)
    installation.set_knob("close_before", phone=phones[1], count=1)
    paths["unsure"] = await clerk.send("Unsure", TEXT, phones, CLOUD)

    phones = made_up(12)
    for phone in phones[:10]:
        installation.set_knob("refuse", phone=phone, status=402, code="Unpaid")
    paths["stopped"] = await clerk.send("Stopped line", TEXT, phones, TELEGRAM)

    paths["paused"] = await clerk.send("Paused", TEXT, made_up(MANY), CLOUD)
    await clerk.press(f"{paths['paused']}pause/", on=paths["paused"])

    paths["cancelled"] = await clerk.send("Cancelled", TEXT, made_up(MANY), CLOUD)
    question = f"{paths['cancelled']}cancel/"
    await clerk.press(question, on=question)

    # It runs on for as long as anybody may want to look at it.
    paths["running"] = await clerk.send(
        "Running", TEXT, made_up(14 * ROWS + FEW), CLOUD
    )
    await clerk.waits_for(paths["finished"], r'<h1>.*</h1>\s*<span class="badge is-fin')
    await clerk.waits_for(paths["unsure"], 'id="unsure"')
    await clerk.waits_for("/", rf"(?s){TELEGRAM}.*Go on")
    installation.clear_knobs()
    return Gallery(paths)


Scene = Callable[[Operator, Gallery], Awaitable[None]]


def _at(path: str) -> Scene:
    async def scene(operator: Operator, gallery: Gallery) -> None:
        await operator.open(path)

    return scene


def _of(state: str, under: str = STANDS) -> Scene:
    async def scene(operator: Operator, gallery: Gallery) -> None:
        await operator.open(gallery.paths[state] + under)

    return scene


async def _message(operator: Operator, gallery: Gallery) -> None:
    await operator.open(gallery.paths["finished"] + STANDS)
    await operator.page.locator("tbody th a").nth(1).click()
    await expect(operator.page).to_have_url(re.compile(r"/messages/\d+/$"))


async def _with_errors(operator: Operator, gallery: Gallery) -> None:
    await operator.open_form()
    await operator.fill("Phones", WRONG)
    # A browser would ask for the empty fields itself.
    await operator.page.locator("form#new").evaluate("form => form.noValidate = true")
    await operator.press("Save as draft")
    await expect(operator.page.get_by_role("alert").first).to_be_visible()


async def _with_remarks(operator: Operator, gallery: Gallery) -> None:
    await operator.open_form()
    phones = made_up(2)
    await operator.fill("Phones", "\n".join([*phones, *phones, WRONG]))
    await operator.press("Check the list")
    await operator.sees("7.9E+10")


async def _wrong_phone(operator: Operator, gallery: Gallery) -> None:
    await operator.open(gallery.paths["draft"])
    await operator.fill("One more phone", "8 (999) 12")
    await operator.press("Add")
    await expect(operator.field("One more phone")).to_have_value("8 (999) 12")


async def _refused_log_in(operator: Operator, gallery: Gallery) -> None:
    await operator.open("/connect/")
    await operator.fill("E-mail", "nobody@example.com")
    await operator.page.locator("input[type=password]").fill("wrong")
    await operator.fill("appId", "app")
    await operator.page.locator("form[action*=account] button").click()
    await expect(operator.page.get_by_role("alert").first).to_be_visible()


async def _forged(operator: Operator, gallery: Gallery) -> None:
    await operator.open(gallery.paths["draft"])
    await operator.fill("One more phone", made_up(1)[0])
    await operator.page.context.clear_cookies()
    await operator.press("Add")
    await operator.sees("Please load the page again")


# Every page, in every state in which it looks different.
SCENES: Mapping[str, Scene] = {
    "list": _at("/" + STANDS),
    "new": _at("/campaigns/new/"),
    "new with errors": _with_errors,
    "new with remarks": _with_remarks,
    "draft": _of("draft"),
    "draft with a wrong phone": _wrong_phone,
    "receipt": _of("draft", "receipt/"),
    "finished": _of("finished"),
    "unsure": _of("unsure"),
    "paused": _of("paused", f"{STANDS}&page=2"),
    "cancelled": _of("cancelled", f"{STANDS}&page=2"),
    "stopped line": _of("stopped"),
    "running": _of("running", f"{STANDS}&page=15"),
    "message": _message,
    "cancel": _of("running", "cancel/"),
    "decide": _of("unsure", "decide/assume-sent/"),
    "retry": _of("finished", "decide/retry/"),
    "connect": _at("/connect/"),
    "connect refused": _refused_log_in,
    "400": _at("/?" + "&".join("a" * 1_001)),
    "403": _forged,
    "404": _at("/campaigns/999999/"),
}
