"""What goes wrong at the desk is said where it went wrong, and the input is kept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Route, expect

from asgi_app.middleware import OPEN
from campaigns import list_words, wording
from campaigns.layouts import Unreadable
from campaigns.recipients import Reason
from campaigns.states import CampaignStatus
from chatapp.words import explain
from tests.browser.installation import Installation
from tests.browser.operator import Operator, signed_in
from tests.browser.phones import made_up
from tests.browser.words import LANGUAGES, Words

SAMPLES = Path(__file__).parent.parent / "campaigns" / "samples"
TEXT = "Hello 👋\nBye"

pytestmark = pytest.mark.parametrize("language", LANGUAGES)


async def test_a_wrong_password_shows_nothing_of_the_site(
    chromium: Browser, installation: Installation, words: Words
) -> None:
    async with signed_in(
        chromium, installation.url, words, password="wrong"
    ) as operator:
        for path in ("/", "/campaigns/new/", "/campaigns/1/", "/connect/"):
            assert (await operator.open(path)).status == 401
            await expect(operator.page.locator("body")).to_have_text(
                words("Please sign in with your user name and password.")
            )
        for path in OPEN:
            assert (await operator.open(path)).status == 200


async def test_a_form_with_nothing_in_it_says_so_at_each_field(
    operator: Operator,
) -> None:
    page, words = operator.page, operator.words
    await operator.open_form()
    await operator.fill("Name", " ")
    await operator.fill("Text", " ")
    await operator.fill("Phones", "nobody\n8 800 555 35 35")
    await operator.press("Save as draft")

    for field in ("Name", "Text", "Phones"):
        await expect(operator.field(field)).to_have_attribute("aria-invalid", "true")
    summary = page.get_by_role("alert").get_by_role("link", name=words("Phones"))
    await summary.click()
    await expect(page).to_have_url(re.compile("#id_phones$"))
    await operator.sees(
        words("None of these can be sent to; the reasons are listed below."),
        words(wording.REASONS[Reason.NOT_A_NUMBER]),
        words(wording.REASONS[Reason.TOLL_FREE]),
    )
    await expect(operator.field("Phones")).to_have_value("nobody\n8 800 555 35 35")


async def test_a_text_that_is_too_long_is_kept(operator: Operator) -> None:
    (phone,), text = made_up(1), "Я" * 4_099
    await operator.open_form()
    await operator.fill("Name", "Too long")
    await operator.fill("Text", text)
    await operator.fill("Phones", phone)
    await operator.press("Save as draft")

    await operator.sees("4096")
    await expect(operator.field("Text")).to_have_value(text)
    await expect(operator.field("Name")).to_have_value("Too long")
    await operator.fill("Text", text[:4_096])
    await operator.press("Save as draft")
    await operator.sees("Too long", phone)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("protected.xlsx", None, Unreadable.PASSWORD_PROTECTED),
        ("old.xls", None, Unreadable.OLD_WORKBOOK),
        ("empty.csv", b"", Unreadable.EMPTY),
        ("photo.png", b"\x89PNG\r\n\x1a\n\0\0", Unreadable.UNKNOWN_KIND),
    ],
)
async def test_a_file_that_cannot_be_read_is_told_apart(
    operator: Operator,
    tmp_path: Path,
    name: str,
    content: bytes | None,
    why: Unreadable,
) -> None:
    file = SAMPLES / name
    if content is not None:
        file = tmp_path / name
        file.write_bytes(content)
    (phone,) = made_up(1)
    await operator.open_form()
    await operator.fill("Text", TEXT)
    await operator.fill("Phones", phone)
    await operator.upload(file)
    await operator.press("Check the list")

    await operator.sees(operator.words(list_words.UNREADABLE[why]))
    await expect(operator.field("Text")).to_have_value(TEXT)
    await expect(operator.field("Phones")).to_have_value(phone)


async def test_a_wrong_phone_does_not_get_onto_a_draft(operator: Operator) -> None:
    phones = made_up(1)
    await operator.save_draft(name="Draft", text=TEXT, phones=phones)
    field = operator.field("One more phone")
    for typed, reason in (
        ("8 (999) 12", Reason.TOO_SHORT),
        ("nobody", Reason.NOT_A_NUMBER),
    ):
        await field.fill(typed)
        await operator.press("Add")
        await operator.sees(operator.words(wording.REASONS[reason]))
        await expect(field).to_have_value(typed)
    await field.fill(phones[0])
    await operator.press("Add")
    await operator.sees(operator.words("This phone is on the list already."))


async def test_a_draft_that_is_started_in_two_tabs_is_sent_once(
    operator: Operator, installation: Installation
) -> None:
    phones = made_up(2)
    path = await operator.save_draft(name="Twice", text=TEXT, phones=phones)
    other = Operator(
        await operator.page.context.new_page(), operator.url, operator.words
    )
    await other.open(f"{path}confirm/")
    await operator.start(2)
    await other.press_start(2)

    said = (CampaignStatus.RUNNING, "sent_out", "finished")
    told = "|".join(re.escape(other.words(wording.NOT_POSSIBLE[s])) for s in said)
    await expect(other.main).to_contain_text(re.compile(told))
    await operator.open(path)
    await operator.waits_to_see(
        operator.words("Finished: every message has its answer.")
    )
    sent = installation.sent_to()
    assert [sent.count(phone) for phone in phones] == [1, 1]


async def test_a_double_click_on_start_is_one_start(
    operator: Operator, installation: Installation
) -> None:
    phones = made_up(2)
    path = await operator.save_draft(name="Clicked twice", text=TEXT, phones=phones)
    await operator.follow("Look once more, then start …")
    await operator.start_button(2).dblclick()
    await expect(operator.page).to_have_url(f"{operator.url}{path}")
    await operator.waits_to_see(
        operator.words("Finished: every message has its answer.")
    )
    sent = installation.sent_to()
    assert [sent.count(phone) for phone in phones] == [1, 1]


async def test_a_form_of_another_session_changes_nothing(operator: Operator) -> None:
    words = operator.words
    path = await operator.save_draft(name="Forged", text=TEXT, phones=made_up(1))
    await operator.fill("One more phone", made_up(1)[0])
    await operator.page.context.clear_cookies()
    await operator.press("Add")
    await operator.sees(words("Please load the page again"))
    await operator.follow("All campaigns")
    await operator.open(path)
    badge = operator.page.locator(".badge").first
    await expect(badge).to_have_text(words(wording.CAMPAIGNS[CampaignStatus.DRAFT]))


async def test_what_is_not_there_has_a_page_that_leads_back(
    operator: Operator,
) -> None:
    for path in ("/campaigns/987654/", "/nothing/here/", "/campaigns/1/messages/987/"):
        assert (await operator.open(path)).status == 404
        await operator.sees(operator.words("There is no such page"))
    await operator.follow("All campaigns")
    assert operator.path == "/"


async def test_what_is_too_big_is_refused_in_words(operator: Operator) -> None:
    async def swollen(route: Route) -> None:
        """A field of 11 MB takes Chromium minutes to draw; only its request counts."""
        head, field, rest = (route.request.post_data_buffer or b"").partition(
            b'name="phones"\r\n\r\n'
        )
        assert field
        body = head + field + b"79990000001\r\n" * 850_000 + rest
        await route.continue_(post_data=body)

    await operator.open_form()
    await operator.page.route("**/campaigns/new/", swollen)
    await operator.press("Check the list")
    await operator.sees(operator.words("That was too big to be read"))


async def test_a_refused_log_in_keeps_all_but_the_password(operator: Operator) -> None:
    words, password = operator.words, operator.page.locator("input[type=password]")
    await operator.open_form()
    await operator.open("/connect/")
    await operator.fill("E-mail", "nobody@example.com")
    await password.fill("wrong")
    await operator.fill("appId", "an app")
    await operator.page.locator("form[action$='/account/'] button").click()

    await operator.sees(words(explain("ApiInvalidCredentialsError")))
    await expect(operator.field("E-mail")).to_have_value("nobody@example.com")
    await expect(operator.field("appId")).to_have_value("an app")
    await expect(password).to_have_value("")


async def test_pages_with_a_field_or_a_question_never_reload(
    operator: Operator,
) -> None:
    path = await operator.save_draft(name="Still", text=TEXT, phones=made_up(1))
    for still in ("/campaigns/new/", path, f"{path}cancel/", "/connect/"):
        answer = await operator.open(still)
        assert "refresh" not in answer.headers, still
    await operator.cancel_for_good(path)
