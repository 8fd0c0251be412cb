"""How a browser comes to see each page, in every state in which it looks different."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from playwright.async_api import expect

from tests.browser.gallery import WRONG, Gallery
from tests.browser.operator import Operator
from tests.browser.phones import made_up

STANDS = "?reload=off"

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
    await operator.page.locator(".moments tbody th > a").nth(1).click()
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


async def _column_question(operator: Operator, gallery: Gallery) -> None:
    await operator.open_form()
    rows = [f"{row};{row + 7};a note\n" for row in range(5)]
    await operator.upload(("rows.csv", "".join(rows).encode()))
    await operator.press("Check the list")
    await operator.sees("Where are the phones?")


async def _samples(operator: Operator, gallery: Gallery) -> None:
    await operator.open_form()
    await operator.fill("Text", "Good day, {name|friend}!")
    phones = "\n".join(f"{phone},Olga" for phone in made_up(3))
    await operator.upload(("clients.csv", f"phone,name\n{phones}\n".encode()))
    await operator.press("Check the list")
    await operator.sees("Good day, Olga!")


async def _wrong_correction(operator: Operator, gallery: Gallery) -> None:
    await operator.open(f"{gallery.paths['draft']}receipt/too_short/")
    await operator.page.locator(".corrections input[name^=text]").fill("8 (999) 01")
    await operator.press("Add what is right now")
    await expect(operator.page.get_by_role("alert").first).to_be_visible()


async def _wrong_trial(operator: Operator, gallery: Gallery) -> None:
    await operator.open(f"{gallery.paths['draft']}trial/")
    await operator.fill("Your own phone", "8 (999) 01")
    await operator.press("Send it to this phone")
    await operator.sees("8 (999) 01: ")


async def _wrong_moment(operator: Operator, gallery: Gallery) -> None:
    await operator.open(f"{gallery.paths['draft']}when/")
    await operator.fill("Send it to a few first", "99")
    await operator.press("Save")
    await operator.sees("on the list.")


async def _wrong_rules(operator: Operator, gallery: Gallery) -> None:
    await operator.open(f"{gallery.paths['line']}rules/".replace(STANDS, ""))
    await operator.page.get_by_text("Only in these hours").check()
    await operator.fill("Monday", "18-9")
    await operator.press("Save")
    await operator.sees("ends before it begins.")


async def _wrong_name(operator: Operator, gallery: Gallery) -> None:
    await operator.open(f"{gallery.paths['finished']}delete/")
    name = operator.page.locator("input[name=name]")
    await name.fill("Not its name")
    await operator.press("Delete it for good")
    await expect(name).to_have_attribute("aria-invalid", "true")


async def _wrong_stops(operator: Operator, gallery: Gallery) -> None:
    await operator.open("/stops/")
    await operator.fill("Phones", WRONG)
    await operator.press("Add to the stop list")
    await expect(operator.page.get_by_role("alert").first).to_be_visible()


async def _removed_stop(operator: Operator, gallery: Gallery) -> None:
    phone = made_up(1)[0]
    await operator.open("/stops/")
    await operator.fill("Phones", phone)
    await operator.press("Add to the stop list")
    row = operator.page.get_by_role("row").filter(has_text=phone)
    await row.get_by_role("button").click()
    await operator.sees(f"{phone} was removed")


async def _phone(operator: Operator, gallery: Gallery) -> None:
    await operator.open(f"/phones/{gallery.phones[0].lstrip('+')}/")
    await operator.sees("Its callbacks")


async def _phones_found(operator: Operator, gallery: Gallery) -> None:
    # As many begin like this as the page shows at most.
    await operator.open(f"/phones/?q={gallery.phones[0][1:10]}")
    await operator.sees(gallery.phones[0])


async def _messages_found(operator: Operator, gallery: Gallery) -> None:
    last = gallery.phones[0][-4:]
    await operator.open(f"{gallery.paths['finished']}search/?q={last}")
    await operator.sees(gallery.phones[0])


async def _forged(operator: Operator, gallery: Gallery) -> None:
    await operator.open(gallery.paths["draft"])
    await operator.fill("One more phone", made_up(1)[0])
    await operator.page.context.clear_cookies()
    await operator.press("Add")
    await operator.sees("Please load the page again")


SCENES: Mapping[str, Scene] = {
    "list": _at("/" + STANDS),
    "new": _at("/campaigns/new/"),
    "new with errors": _with_errors,
    "new with remarks": _with_remarks,
    "draft": _of("draft"),
    "draft with a wrong phone": _wrong_phone,
    "new with a question": _column_question,
    "new with samples": _samples,
    "receipt": _of("draft", "receipt/"),
    "receipt group": _of("draft", "receipt/not_a_number/"),
    "receipt group with errors": _wrong_correction,
    "receipt doubles": _of("draft", "receipt/double/"),
    "receipt values": _of("incomplete", "receipt/value_missing/"),
    "confirm": _of("draft", "confirm/"),
    "confirm with a trial": _of("tried", f"confirm/{STANDS}"),
    "when": _of("draft", "when/"),
    "when with errors": _wrong_moment,
    "lately": _of("draft", "lately/"),
    "placed in the calendar": _of("draft", "calendar/"),
    "scheduled": _of("scheduled"),
    "when it is of use": _of("running", "when/"),
    "sliced": _of("sliced"),
    "slice": _of("sliced", f"slice/{STANDS}"),
    "trial": _of("draft", "trial/"),
    "trial with a wrong phone": _wrong_trial,
    "copy": _of("finished", "copy/"),
    "edit": _of("finished", "edit/"),
    "edit a draft": _of("draft", "edit/"),
    "delete": _of("finished", "delete/"),
    "delete with a wrong name": _wrong_name,
    "delete not now": _of("running", "delete/"),
    "finished": _of("finished"),
    "unsure": _of("unsure"),
    "paused": _of("paused", f"{STANDS}&before=end"),
    "cancelled": _of("cancelled", f"{STANDS}&before=end"),
    "stopped line": _of("stopped"),
    "running": _of("running", f"{STANDS}&before=end"),
    "filtered": _of("finished", f"{STANDS}&status=failed&code=ApiNoSuchChat"),
    "sorted by time": _of("finished", f"{STANDS}&sort=time"),
    "message": _message,
    "search": _of("finished", "search/"),
    "messages found": _messages_found,
    "search in vain": _of("finished", "search/?q=0000"),
    "search for nonsense": _of("finished", "search/?q=olga"),
    "lines": _at("/lines/" + STANDS),
    "line": _of("line"),
    "line that is stopped": _of("stopped line"),
    "rules": _of("line", "rules/"),
    "rules with errors": _wrong_rules,
    "calendar": _of("line", "calendar/"),
    "calendar of a day": _of("line", f"calendar/{datetime.now(UTC).date()}/"),
    "phones": _at("/phones/"),
    "phones found": _phones_found,
    "phone": _phone,
    "stops": _at("/stops/"),
    "stops with errors": _wrong_stops,
    "stops with one removed": _removed_stop,
    "queue": _at("/queue/" + STANDS),
    "cancel": _of("running", "cancel/"),
    "decide": _of("unsure", "decide/assume-sent/"),
    "retry": _of("finished", "decide/retry/"),
    "connect": _at("/connect/"),
    "connect refused": _refused_log_in,
    "400": _at("/?" + "&".join("a" * 1_001)),
    "403": _forged,
    "404": _at("/campaigns/999999/"),
}
