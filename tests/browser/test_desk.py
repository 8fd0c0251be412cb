"""What operators look up and decide around a campaign, with JavaScript off."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from campaigns import wording
from campaigns.copying import Whom
from campaigns.edit_forms import WHOM
from campaigns.recipients import Reason
from campaigns.states import MessageStatus
from tests.browser.installation import Installation
from tests.browser.operator import Operator
from tests.browser.phones import made_up
from tests.browser.words import LANGUAGES

TEXT = "Привет 👋\nHello"

pytestmark = pytest.mark.parametrize("language", LANGUAGES)


async def test_a_file_with_names_is_sent_as_texts_with_names(
    operator: Operator, installation: Installation
) -> None:
    words, (olga, nameless) = operator.words, made_up(2)
    await operator.open_form()
    await operator.fill("Name", "By name")
    await operator.fill("Text", "[Good day|Good day], {name|friend}!")
    file = f"Client;Name\n{olga};Olga\n{nameless};\n"
    await operator.upload(("clients.csv", file.encode("utf-8-sig")))
    await operator.press("Check the list")
    await operator.sees("Good day, Olga!", "Good day, friend!")
    await operator.press("Save as draft")
    await operator.follow("Look once more, then start …")

    await operator.sees("Good day, Olga!", "Good day, friend!", olga, nameless)
    said = words.counted("Send to %(shown)s person", "Send to %(shown)s people", 2)
    await operator.button(said).click()
    for phone in (olga, nameless):
        await operator.waits_for_status(phone, MessageStatus.READ)
    texts = dict(installation.sends())
    assert texts[olga] == "Good day, Olga!"
    assert texts[nameless] == "Good day, friend!"


async def test_a_text_goes_to_the_operators_own_phone_first(
    operator: Operator, installation: Installation
) -> None:
    phones, (own,) = made_up(2), made_up(1)
    path = await operator.save_draft(name="Tried", text=TEXT, phones=phones)
    await operator.open(f"{path}confirm/")
    await operator.follow("Send it to my own phone first …")
    await operator.fill("Your own phone", own)
    await operator.press("Send it to this phone")
    await operator.sees(operator.words("On your own phone"), own)
    # This page has nothing to type on, and reloads itself until it is known.
    read = operator.words(wording.MESSAGES[MessageStatus.READ])
    await operator.waits_to_see(read)
    assert dict(installation.sends())[own] == TEXT
    await operator.start_button(2).click()
    await operator.waits_for_status(phones[1], MessageStatus.READ)
    assert installation.sent_to().count(own) == 1


async def test_wrong_lines_are_corrected_on_the_receipt(operator: Operator) -> None:
    words, (phone, mended) = operator.words, made_up(2)
    await operator.save_draft(
        name="To mend", text=TEXT, phones=[phone, phone, "nobody", "8 (999) 12"]
    )
    group = words(wording.REASONS[Reason.NOT_A_NUMBER])
    await operator.page.get_by_role("link", name=group, exact=True).click()
    await operator.page.locator(".corrections input[name^=text]").fill(mended)
    await operator.press("Add what is right now")
    await operator.sees(
        words.counted(
            "%(shown)s phone was added to the draft.",
            "%(shown)s phones were added to the draft.",
            1,
        )
    )
    await operator.follow("To mend")
    await expect(operator.page.locator("ol.phones li")).to_have_text([phone, mended])


async def test_a_message_is_found_by_its_last_digits_by_status_and_in_a_file(
    operator: Operator, installation: Installation
) -> None:
    page, words, phones = operator.page, operator.words, made_up(3)
    installation.set_knob("status_early")
    installation.set_knob(
        "refuse", phone=phones[2], count=1, status=400, code="not_on_whatsapp"
    )
    path = await operator.send(name="=Found", text=TEXT, phones=phones)
    await operator.waits_for_status(phones[2], MessageStatus.FAILED)
    await operator.waits_for_status(phones[0], MessageStatus.READ)
    await operator.waits_for_status(phones[1], MessageStatus.READ)

    failed = words(wording.MESSAGES[MessageStatus.FAILED])
    await page.locator(".ladder").get_by_role("link", name=failed).click()
    rows = page.locator("section[aria-labelledby=messages] tbody th")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text(phones[2])
    assert "status=failed" in page.url
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="CSV", exact=True).click()
    content = (await (await downloading.value).path()).read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    lines = content.decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert phones[2] in lines[1]
    await operator.follow("Show all")
    await expect(rows).to_have_count(3)

    await operator.follow("Search by phone")
    await operator.fill("Phone", phones[1][-4:])
    await operator.press("Search")
    await operator.sees(phones[1])
    await expect(operator.main).not_to_contain_text(phones[0])
    await page.locator("tbody th .quiet").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(phones[1])
    await operator.sees("=Found", words("Its callbacks"))
    await operator.open(f"{path}?reload=off")
    await operator.sees(phones[0])


async def test_whoever_is_on_the_stop_list_is_passed_over(
    operator: Operator, installation: Installation
) -> None:
    words, phones = operator.words, made_up(3)
    added = words.counted(
        "%(shown)s phone was added.", "%(shown)s phones were added.", 1
    )
    # One is known before the list comes in, the other only before its message leaves.
    await operator.open("/stops/")
    await operator.fill("Phones", phones[0])
    await operator.press("Add to the stop list")
    await operator.sees(added, phones[0])
    path = await operator.save_draft(name="With stops", text=TEXT, phones=phones)
    await operator.sees(words(wording.REASONS[Reason.ON_STOP_LIST]))
    await operator.open("/stops/")
    await operator.fill("Phones", phones[1])
    await operator.press("Add to the stop list")
    await operator.sees(added, phones[1])
    await operator.open(path)
    await operator.press_start(2)
    await operator.waits_for_status(phones[1], MessageStatus.CANCELLED)
    await operator.waits_for_status(phones[2], MessageStatus.READ)
    sent = installation.sent_to()
    assert [sent.count(phone) for phone in phones] == [0, 0, 1]

    await operator.open("/stops/")
    row = operator.page.get_by_role("row").filter(has_text=phones[0])
    await row.get_by_role("button").click()
    await operator.sees(
        words("%(phone)s was removed: it gets messages again.") % {"phone": phones[0]}
    )
    await expect(row).to_have_count(0)


async def test_a_draft_is_made_for_those_who_have_not_read_it(
    operator: Operator, installation: Installation
) -> None:
    words, phones = operator.words, made_up(3)
    installation.set_knob("status_late", phone=phones[1], seconds=900)
    await operator.send(name="Unread", text=TEXT, phones=phones)
    await operator.waits_for_status(phones[2], MessageStatus.READ)
    await operator.waits_for_status(phones[0], MessageStatus.READ)
    said = words.counted(
        "Make a draft for the %(shown)s who has not read it",
        "Make a draft for the %(shown)s who have not read it",
        1,
    )
    await operator.button(said).click()
    await expect(operator.page.locator("ol.phones li")).to_have_text([phones[1]])
    await operator.sees("Unread", words(WHOM[Whom.UNREAD][0]).lower())


async def test_a_campaign_is_renamed_and_deleted_by_its_name(
    operator: Operator,
) -> None:
    words, page, (phone,) = operator.words, operator.page, made_up(1)
    path = await operator.save_draft(name="Misspelt", text=TEXT, phones=[phone])
    await operator.follow("Change its name, note, text, line or pacing …")
    await operator.fill("Name", "Spelt right")
    await operator.fill("Note (may stay empty)", "Ordered by the shop")
    await operator.press("Save")
    await operator.sees("Spelt right", "Ordered by the shop")
    await operator.follow("Delete it with all its data …")
    name = page.locator("input[name=name]")
    await name.fill("Misspelt")
    await operator.press("Delete it for good")
    await expect(name).to_have_attribute("aria-invalid", "true")
    await name.fill("Spelt right")
    await operator.press("Delete it for good")
    await expect(page).to_have_url(f"{operator.url}/")
    await expect(operator.main).not_to_contain_text("Spelt right")
    assert (await operator.open(path)).status == 404
    await operator.open(f"/phones/?q={phone.lstrip('+')}")
    await operator.sees(phone, words("No campaign has this phone."))


async def test_lines_and_the_queue_are_a_click_away(operator: Operator) -> None:
    words = operator.words
    await operator.open("/")
    await operator.follow("Lines")
    line = operator.page.get_by_role("link", name=re.compile("grWhatsApp"))
    await line.first.click()
    await operator.sees(words("The last 24 hours"), words("What runs and what waits"))
    await operator.follow("Queue")
    await expect(operator.page.locator(".is-alive").first).to_be_visible()


async def test_the_switch_changes_the_language_and_stays_on_the_page(
    operator: Operator,
) -> None:
    other = "ru" if operator.words.language == "en" else "en"
    await operator.open("/stops/?phone=%2B7999")
    await operator.page.locator(f".languages button[value={other}]").click()
    html = operator.page.locator("html")
    await expect(html).to_have_attribute("lang", other)
    assert operator.page.url.endswith("/stops/?phone=%2B7999")
