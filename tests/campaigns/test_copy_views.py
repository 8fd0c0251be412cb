from __future__ import annotations

import asyncio

import httpx
import pytest

from asgi_app.database import in_orm
from campaigns import copying, in_pieces
from campaigns.editing import Changes, edit_campaign, mark_of
from campaigns.ledger import Ledger
from campaigns.models import Action, Campaign, Message
from campaigns.services import start_campaign
from campaigns.states import MessageStatus
from campaigns.stops import add_to_stop_list
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, change, fresh, hidden, words
from tests.campaigns.held_copies import HeldCopies
from tests.campaigns.test_decisions import with_outcomes
from tests.eventually import eventually

ACCEPTED, FAILED = MessageStatus.ACCEPTED, MessageStatus.FAILED


async def latest() -> Campaign:
    return await in_orm(Campaign.objects.latest, "id")


def path(campaign: Campaign, what: str) -> str:
    return f"/campaigns/{campaign.pk}/{what}/"


def draft_form(campaign: Campaign, **changed: str) -> dict[str, str]:
    return {
        "name": "Sale",
        "note": "",
        "text": "Hello",
        "line": str(campaign.line_id),
        "pacing": "one_after_another",
        "seen": mark_of(campaign),
    } | changed


# Copies


async def test_a_copy_asks_for_whom_and_becomes_a_draft(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED, FAILED, FAILED)
    asked = await site.get(path(campaign, "copy") + "?whom=failed")
    assert "Only the failed ones: 2" in words(asked)
    assert 'value="failed" checked' in asked.text
    assert 'value="Sale (copy)"' in asked.text
    assert "Refresh" not in asked.headers
    answer = await site.post(path(campaign, "copy"), name="Again", whom="failed")
    draft = await latest()
    assert answer.headers["Location"] == f"/campaigns/{draft.pk}/"
    assert (draft.name, draft.total, draft.created_by) == ("Again", 2, "anna")
    page = words(await site.get(f"/campaigns/{draft.pk}/"))
    assert "Note: Copied from ‹Sale›: only the failed ones." in page
    assert "anna copied it from another campaign (2)" in page


async def test_those_who_have_not_read_it_are_one_click_away(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED, FAILED)
    page = await site.get(f"/campaigns/{campaign.pk}/")
    assert "Make a draft for the 1 who has not read it" in words(page)
    answer = await site.post(path(campaign, "copy"), whom="unread")
    draft = await latest()
    assert answer.headers["Location"] == f"/campaigns/{draft.pk}/"
    assert draft.name == "Sale (those who have not read it)"
    assert await in_orm(lists.counts, draft) == {"waiting": 1}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "", "whom": "everybody"}, "This field is required"),
        ({"name": "x" * 201, "whom": "everybody"}, "200 characters"),
        ({"name": "Kept", "whom": "nobody"}, "not one of the available choices"),
        ({"name": "Kept"}, "This field is required"),
    ],
)
async def test_a_wrong_copy_comes_back_with_the_input(
    site: Site, line: Line, fields: dict[str, str], said: str
) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    answer = await site.post(path(campaign, "copy"), **fields)
    assert answer.status_code == 422
    assert said in words(answer)
    assert f'value="{fields["name"]}"' in answer.text or not fields["name"]
    assert await in_orm(Campaign.including_deleted.count) == 1


async def test_a_copy_for_nobody_says_so_and_makes_nothing(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    await in_orm(add_to_stop_list, phones=["+79990000000"], operator="anna", reason="")
    answer = await site.post(path(campaign, "copy"), name="Kept", whom="everybody")
    assert answer.status_code == 409
    assert "Nobody is left" in words(answer) and 'value="Kept"' in answer.text
    assert await in_orm(Campaign.objects.count) == 1


async def test_a_browser_that_goes_away_does_not_stop_a_copy(
    site: Site, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldCopies.hold(monkeypatch)
    monkeypatch.setattr(copying, "WINDOW", 1)
    campaign = await in_orm(lists.draft, line, 5)
    await site.get(path(campaign, "copy"))
    asking = asyncio.create_task(
        site.post(path(campaign, "copy"), name="Again", whom="everybody")
    )
    await held.has_begun.wait()
    site.hung_up.set()
    await asyncio.gather(asking, return_exceptions=True)
    held.may_go_on.set()
    await eventually(lambda: not in_pieces._under_way)
    draft = await latest()
    assert (draft.name, draft.total) == ("Again", 5)


# Changes


async def test_a_draft_is_changed_and_the_note_is_shown(site: Site, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    shown = await site.get(path(campaign, "edit"))
    assert "Hello 👋</textarea>" in shown.text
    assert "Refresh" not in shown.headers
    changed = draft_form(
        campaign, name="New", note="<b>\r\nsecond", text="Bye", pacing="each_on_its_own"
    )
    answer = await site.post(path(campaign, "edit"), **changed)
    assert answer.headers["Location"] == f"/campaigns/{campaign.pk}/"
    found = await fresh(campaign)
    assert (found.name, found.text, found.pacing) == ("New", "Bye", "each_on_its_own")
    page = await site.get(f"/campaigns/{campaign.pk}/")
    assert "&lt;b&gt;<br>second" in page.text
    assert "anna changed it" in words(page)


async def test_of_what_was_started_only_name_and_note_change(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    shown = await site.get(path(campaign, "edit"))
    assert 'name="text"' not in shown.text and 'name="note"' in shown.text
    await site.post(
        path(campaign, "edit"), name="New", note="why", seen=mark_of(campaign)
    )
    found = await fresh(campaign)
    assert (found.name, found.note, found.text) == ("New", "why", "Hello 👋")
    assert "why" in words(await site.get(f"/campaigns/{campaign.pk}/"))


async def test_what_a_colleague_has_changed_meanwhile_is_not_overruled(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    shown = await site.get(path(campaign, "edit"))
    await in_orm(
        edit_campaign,
        campaign_id=campaign.pk,
        changes=Changes(text="Boris's"),
        operator="boris",
    )
    mine = draft_form(campaign, note="Anna's") | hidden(shown)
    answer = await site.post(path(campaign, "edit"), **mine)
    assert answer.status_code == 409
    said = words(answer)
    assert "Nothing was changed. boris has changed this campaign meanwhile" in said
    assert "Anna&#x27;s</textarea>" in answer.text
    found = await fresh(campaign)
    assert (found.text, found.note) == ("Boris's", "")


async def test_a_draft_that_was_started_meanwhile_says_so(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    await in_orm(start_campaign, campaign_id=campaign.pk, operator="boris")
    answer = await site.post(path(campaign, "edit"), **draft_form(campaign, name="New"))
    assert answer.status_code == 409
    said = words(answer)
    assert "Nothing was changed. This campaign is running already" in said
    assert 'value="New"' in answer.text
    assert (await fresh(campaign)).name == "Sale"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "This field is required"),
        ("Hi {name", "“{name”: this curly bracket has no other half"),
        ("Hi {}", "the name of a column is expected"),
        ("Hi [a|b", "these variants are not closed"),
        ("x" * 4097, "The text is 1 character too long"),
        ("[x|" + "y" * 4098 + "]", "The text is 2 characters too long"),
        ("Hi {City}!", "2 of the list have no value for ‹City›: give a fallback"),
        ("{name}", "For 1 of the list the text is too long: up to 5000 characters"),
    ],
)
async def test_a_text_that_cannot_be_sent_to_all_comes_back(
    site: Site, line: Line, text: str, said: str
) -> None:
    campaign = await in_orm(lists.draft, line, 3)
    rows = await in_orm(lambda: list(Message.objects.order_by("id")))
    for row, fields in zip(rows, ({"city": "Omsk"}, {}, None), strict=True):
        fields = {"name": "Anna", **fields} if fields is not None else fields
        name = "y" * 5000 if row is rows[2] else "Anna"
        await in_orm(
            Message.objects.filter(pk=row.pk).update,
            fields={**(fields or {}), "name": name},
        )
    answer = await site.post(path(campaign, "edit"), **draft_form(campaign, text=text))
    assert answer.status_code == 422
    assert said in words(answer).replace("&#x27;", "'")
    assert f"{text}</textarea>" in answer.text
    assert (await fresh(campaign)).text == "Hello 👋"


async def test_a_fallback_is_enough(site: Site, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    text = "Hi {city|there}, [one|two]"
    answer = await site.post(path(campaign, "edit"), **draft_form(campaign, text=text))
    assert answer.status_code == 302
    assert (await fresh(campaign)).text == text


async def test_a_line_that_cannot_be_used_is_refused(site: Site, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    off = await in_orm(
        Line.objects.create, licence_id="7", messenger="telegram", active=False
    )
    answer = await site.post(
        path(campaign, "edit"), **draft_form(campaign, line=str(off.pk))
    )
    assert answer.status_code == 422
    assert "Nothing can be sent through this line now" in words(answer)
    await in_orm(Line.objects.filter(pk=line.pk).update, active=False)
    kept = await site.post(path(campaign, "edit"), **draft_form(campaign, name="New"))
    assert kept.status_code == 302


# Deletion


async def test_deleting_asks_for_the_name(site: Site, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    await change(campaign, name="Spring  sale")
    asked = await site.get(path(campaign, "delete"))
    assert "please type: Spring sale" in words(asked)
    wrong = await site.post(path(campaign, "delete"), name="Spring")
    assert wrong.status_code == 422
    assert "This is not its name" in words(wrong)
    assert 'value="Spring"' in wrong.text
    assert await in_orm(Campaign.objects.exists)
    answer = await site.post(path(campaign, "delete"), name=" Spring sale ")
    assert answer.headers["Location"] == "/"
    assert (await site.get(f"/campaigns/{campaign.pk}/")).status_code == 404
    assert "Spring" not in (await site.get("/")).text


async def test_what_still_waits_is_not_deleted(site: Site, line: Line) -> None:
    campaign = await in_orm(lists.running, line, 1)
    asked = await site.get(path(campaign, "delete"))
    assert "It cannot be deleted now" in words(asked)
    answer = await site.post(path(campaign, "delete"), name="Sale")
    assert answer.status_code == 409
    assert await in_orm(Campaign.objects.exists)
    page = words(await site.get(f"/campaigns/{campaign.pk}/"))
    assert "It can be deleted once it is sent out or cancelled" in page


async def test_of_a_deleted_campaign_no_page_is_left(site: Site, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    message = await in_orm(Message.objects.get)
    await in_orm(lambda: Action.objects.all().delete())
    await site.post(path(campaign, "delete"), name="Sale")
    for page in ("copy", "edit", "delete", "receipt", "decide/retry"):
        assert (await site.get(path(campaign, page))).status_code == 404, page
    for page in ("export.csv", "export.xlsx", f"messages/{message.pk}/"):
        answer = await site.get(f"/campaigns/{campaign.pk}/{page}")
        assert answer.status_code == 404, page
    for page in ("start", "pause", "resume", "cancel"):
        assert (await site.post(path(campaign, page))).status_code == 404, page


async def test_an_outsider_copies_changes_and_deletes_nothing(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    await site.get(path(campaign, "edit"))
    site.http.auth = httpx.BasicAuth("anna", "wrong")
    token = {"csrfmiddlewaretoken": site.http.cookies["csrftoken"]}
    for page in ("copy", "edit", "delete"):
        assert (await site.get(path(campaign, page))).status_code == 401
        body = {**token, **draft_form(campaign), "whom": "everybody"}
        answer = await site.http.post(path(campaign, page), data=body)
        assert answer.status_code == 401
    assert await in_orm(Campaign.objects.count) == 1
    assert (await fresh(campaign)).text == "Hello 👋"


# The campaign page


async def test_the_downloads_keep_what_the_address_filters(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED, FAILED)
    page = await site.get(f"/campaigns/{campaign.pk}/?status=failed&page=1&reload=off")
    assert f'href="/campaigns/{campaign.pk}/export.csv?status=failed"' in page.text
    assert "Download what is shown" in words(page)
