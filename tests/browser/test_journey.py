"""What operators do from day to day, in a real browser with JavaScript off."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from campaigns import wording
from campaigns.explanations import KNOWN
from campaigns.history import EventKind
from campaigns.recipients import Reason
from campaigns.states import MessageStatus
from tests.browser.installation import OPERATOR, Installation
from tests.browser.operator import NEWS_MS, Operator
from tests.browser.phones import made_up
from tests.browser.words import LANGUAGES

SAMPLES = Path(__file__).parent.parent / "campaigns" / "samples"
TEXT = "Привет 👋\nHello"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_pasted_list_is_corrected_sent_and_read(
    operator: Operator, installation: Installation
) -> None:
    page, words = operator.page, operator.words
    first, second, third = made_up(3)
    await operator.open("/")
    await operator.follow("New campaign")
    await operator.open_form()
    await operator.fill("Name", "Spring sale")
    await operator.fill("Text", TEXT)
    await operator.fill("Phones", f"{first}\n{second}\n8 {first[2:]}\nnobody\n7.9E+10")
    await operator.press("Check the list")

    for reason in (Reason.DOUBLE, Reason.NOT_A_NUMBER, Reason.DIGITS_LOST):
        await operator.sees(words(wording.REASONS[reason]))
    await operator.sees("7.9E+10", "nobody")
    await expect(operator.field("Text")).to_have_value(TEXT)

    await operator.fill("Phones", f"{first}\n{second}\n{third}")
    await operator.press("Save as draft")
    await expect(page).to_have_url(re.compile(r"/campaigns/\d+/$"))
    await operator.sees("Spring sale", "Привет 👋", first, second, third)
    path = operator.path
    await operator.start(3)
    assert operator.path == path
    # Nobody presses anything here: the page reloads itself.
    await expect(operator.row(third)).to_contain_text(
        words(wording.MESSAGES[MessageStatus.READ]), timeout=NEWS_MS
    )
    await operator.sees(words("Finished: every message has its answer."))
    for phone in (first, second, third):
        await operator.waits_for_status(phone, MessageStatus.READ)
    sent = installation.sent_to()
    assert [sent.count(phone) for phone in (first, second, third)] == [1, 1, 1]

    await operator.row(second).get_by_role("link", name=second, exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(second)
    told = page.locator("tbody tr td:last-child strong")
    assert await told.all_inner_texts() == [
        words(wording.EVENTS[kind])
        for kind in (
            *(EventKind.CLAIMED, EventKind.ACCEPTED),
            *(EventKind.SENT, EventKind.DELIVERED, EventKind.READ),
        )
    ]


async def test_a_file_is_kept_until_the_draft_is_saved(operator: Operator) -> None:
    await operator.open_form()
    await operator.fill("Text", TEXT)
    await operator.upload(SAMPLES / "clients.xlsx")
    await operator.press("Check the list")

    await operator.sees("clients.xlsx", "is kept: you need not choose it again.")
    await expect(operator.field("Text")).to_have_value(TEXT)
    await operator.fill("Name", "From a file")
    await operator.press("Save as draft")
    await expect(operator.page).to_have_url(re.compile(r"/campaigns/\d+/$"))
    await expect(operator.page.locator("ol.phones li").first).to_have_text(
        re.compile(r"^\+7\d{10}$")
    )


async def test_a_phone_is_added_to_a_draft(operator: Operator) -> None:
    phone, more = made_up(2)
    await operator.save_draft(name="One more", text=TEXT, phones=[phone])
    await operator.fill("One more phone", f"8 ({more[2:5]}) {more[5:]}")
    await operator.press("Add")
    await operator.sees(more)
    await expect(operator.page.locator("ol.phones li")).to_have_text([phone, more])


async def test_pause_stops_it_resume_goes_on_and_cancel_is_for_good(
    operator: Operator, installation: Installation
) -> None:
    words, phones = operator.words, made_up(60)
    path = await operator.send(name="Long one", text=TEXT, phones=phones)
    await operator.press("Pause")
    by = words("Paused by %(by)s") % {"by": OPERATOR[0]}
    await operator.sees(by)
    await operator.waits_to_see(words("Nothing is under way."))
    before = {*phones} & {*installation.sent_to()}
    await operator.page.wait_for_timeout(1_500)
    assert {*phones} & {*installation.sent_to()} == before

    await operator.press("Resume")
    await operator.waits_to_see(words("Running."))
    await operator.follow("Cancel …")
    await operator.follow("Keep it")
    assert operator.path == path
    await operator.follow("Cancel …")
    await operator.press("Cancel the campaign")
    await operator.sees(words("Cancelled by %(by)s") % {"by": OPERATOR[0]})
    await operator.waits_for_status(phones[-1], MessageStatus.CANCELLED)
    assert phones[-1] not in installation.sent_to()


async def test_what_is_unsure_waits_for_a_decision(
    operator: Operator, installation: Installation
) -> None:
    words, phones = operator.words, made_up(5)
    lost = phones[:2] + phones[3:4]
    installation.set_knob("status_early")
    for phone in lost:
        # Its status is dropped as well, which would settle it.
        installation.set_knob("error_after", phone=phone, status=502, count=1)
        installation.set_knob("status_dropped", phone=phone, count=1)
    await operator.send(name="Doubts", text=TEXT, phones=phones)
    title = words.counted(
        "%(shown)s message is unsure", "%(shown)s messages are unsure", len(lost)
    )
    await operator.waits_to_see(title)
    unsure = operator.page.locator("section").filter(
        has=operator.page.locator("h2", has_text=title)
    )
    row = unsure.get_by_role("row").filter(has_text=lost[0])
    await row.get_by_role("button", name=words("Count as sent")).click()
    await operator.waits_for_status(lost[0], MessageStatus.ASSUMED_SENT)

    again = words("Send again (may be a second copy)")
    row = operator.page.get_by_role("row").filter(has_text=lost[1])
    await row.get_by_role("button", name=again).click()
    await operator.waits_for_status(lost[1], MessageStatus.READ)

    await operator.follow("Count all as sent …")
    await operator.sees(words("Count the unsure messages as sent?"))
    await operator.button(f"{words('Count as sent')}: 1").click()
    await operator.waits_for_status(lost[2], MessageStatus.ASSUMED_SENT)
    sent = installation.sent_to()
    assert [sent.count(phone) for phone in phones] == [1, 2, 1, 1, 1]


async def test_only_the_failed_ones_are_tried_again(
    operator: Operator, installation: Installation
) -> None:
    words, phones = operator.words, made_up(3)
    installation.set_knob("status_early")
    installation.set_knob(
        "refuse", phone=phones[1], count=1, status=400, code="not_on_whatsapp"
    )
    await operator.send(name="Second try", text=TEXT, phones=phones)
    await operator.waits_for_status(phones[1], MessageStatus.FAILED)
    await expect(operator.row(phones[1])).to_contain_text(
        words(KNOWN["not_on_whatsapp"])
    )

    retry = words.counted(
        "Try the %(shown)s failed one again …",
        "Try the %(shown)s failed ones again …",
        1,
    )
    await operator.page.get_by_role("link", name=retry).click()
    await operator.button(re.compile(r": 1$")).click()
    await operator.waits_for_status(phones[1], MessageStatus.READ)
    sent = installation.sent_to()
    assert [sent.count(phone) for phone in phones] == [1, 2, 1]


async def test_a_stopped_line_goes_on_by_a_click(
    operator: Operator, installation: Installation
) -> None:
    words, phones = operator.words, made_up(11)
    installation.set_knob("status_early")
    for phone in phones[:10]:
        installation.set_knob("refuse", phone=phone, status=402, code="Unpaid", count=1)
    path = await operator.send(name="Brake", text=TEXT, phones=phones)
    stopped_at = words("The line was stopped at %(at)s.").partition("%")[0]
    await operator.waits_to_see(stopped_at.strip())
    assert phones[-1] not in installation.sent_to()

    stopped = operator.page.get_by_role("status").filter(has_text="grWhatsApp")
    await stopped.get_by_role("button", name=words("Go on")).click()
    await operator.open(path)
    await operator.waits_for_status(phones[-1], MessageStatus.READ)


async def test_connect_shows_the_account_and_chooses_the_line(
    operator: Operator,
) -> None:
    words = operator.words
    await operator.open_form()
    await operator.open("/connect/")
    await operator.press("Test the callback")
    hops = operator.page.get_by_role("list", name=words("What the self-test found"))
    await expect(hops).to_contain_text("✓")
    await expect(hops).not_to_contain_text("✗")
    cloud = operator.page.get_by_role("row").filter(has_text="caWhatsApp").first
    await cloud.get_by_role("button").click()
    await operator.sees(words("New campaigns use the chosen line."))
    await expect(cloud).to_contain_text(words("chosen"))
    web = operator.page.get_by_role("row").filter(has_text="grWhatsApp").first
    await web.get_by_role("button").click()
    await expect(web).to_contain_text(words("chosen"))
