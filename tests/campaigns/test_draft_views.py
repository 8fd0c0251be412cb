from __future__ import annotations

import re
from pathlib import Path

import pytest
from pytest_django import Settings

from asgi_app.database import in_orm
from campaigns.models import Campaign, ListRemark
from campaigns.states import CampaignStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, form, fresh, words

SAMPLES = Path(__file__).parent / "samples"


async def test_the_form_says_beforehand_how_long_a_list_takes(site: Site) -> None:
    response = await site.get("/campaigns/new/")
    assert "100 phones: about 45 min (± 4 min)" in words(response)
    assert "Refresh" not in response.headers
    assert "maxlength" not in response.text


async def test_a_good_form_becomes_a_draft(site: Site, line: Line) -> None:
    response = await site.post("/campaigns/new/", **form(line))
    campaign = await in_orm(Campaign.objects.get)
    assert response.status_code == 302
    assert response.headers["Location"] == f"/campaigns/{campaign.pk}/"
    assert (campaign.status, campaign.created_by) == (CampaignStatus.DRAFT, "anna")
    assert campaign.text == "Hello 👋\nBye"
    assert campaign.total == 2


async def test_checking_stores_nothing_and_tells_about_the_list(
    site: Site, line: Line
) -> None:
    response = await site.post(
        "/campaigns/new/",
        **form(line, do="check", name="", phones="89990000001\n8 800 555 35 35"),
    )
    assert response.status_code == 200
    said = words(response)
    assert "1 phone will get the message" in said
    assert "line 2 8 800 555 35 35 a toll-free number" in said
    assert "One after another" in said
    assert "Each on its own" in said
    assert not await in_orm(Campaign.objects.exists)


async def test_whatever_is_wrong_nothing_typed_is_lost(site: Site, line: Line) -> None:
    response = await site.post(
        "/campaigns/new/",
        **form(line, text="long " * 1000, name="Spring", phones="nobody <b>"),
        files={"upload": ("p.xlsx", b"\x89PNG....", "image/png")},
    )
    assert response.status_code == 422
    page = response.text
    assert 'value="Spring"' in page
    assert "long long long" in page
    assert "nobody &lt;b&gt;</textarea>" in page
    assert "This kind of file cannot be read" in page
    assert "characters too long" in page


async def test_a_file_is_kept_as_typed_phones(site: Site, line: Line) -> None:
    file = ("clients.xlsx", (SAMPLES / "clients.xlsx").read_bytes())
    response = await site.post(
        "/campaigns/new/", **form(line, name="", phones=""), files={"upload": file}
    )
    assert response.status_code == 422
    assert "A browser does not send it twice" in words(response)
    area = re.search(r'<textarea name="phones"[^>]*>\s*([^<]*)', response.text)
    said = re.search(r'name="said_of_file" value="([^"]+)"', response.text)
    assert area
    assert said
    await site.post(
        "/campaigns/new/", **form(line, phones=area[1], said_of_file=said[1])
    )
    campaign = await in_orm(Campaign.objects.get)
    assert campaign.total == len(area[1].split())
    sources = await in_orm(
        lambda: set(ListRemark.objects.values_list("source", flat=True))
    )
    assert sources == {"clients.xlsx"}


async def test_without_a_usable_line_nothing_is_saved(site: Site, line: Line) -> None:
    await in_orm(Line.objects.filter(pk=line.pk).update, active=False)
    page = await site.get("/campaigns/new/")
    assert "cannot be used" in words(page)
    response = await site.post("/campaigns/new/", **form(line))
    assert response.status_code == 422
    assert not await in_orm(Campaign.objects.exists)


async def test_what_is_too_big_is_answered_on_a_page(
    site: Site, line: Line, settings: Settings
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1024**2
    response = await site.post("/campaigns/new/", **form(line, phones="1" * 1024**2))
    assert response.status_code == 413
    assert "more than 1 MB" in words(response)


async def test_a_draft_shows_what_would_be_sent_and_stands_still(
    site: Site, line: Line
) -> None:
    await site.post(
        "/campaigns/new/", **form(line, phones="89990000001\n8 800 555 35 35")
    )
    campaign = await in_orm(Campaign.objects.get)
    response = await site.get(f"/campaigns/{campaign.pk}/")
    said = words(response)
    assert "1 phone will get the message" in said
    assert "If started now, it ends" in said
    assert f'href="/campaigns/{campaign.pk}/confirm/"' in response.text
    assert "Hello 👋 Bye" in said
    assert "+79990000001" in said
    assert "a toll-free number" in said
    assert "anna created the draft" in said
    assert "Refresh" not in response.headers


async def test_a_phone_is_added_to_a_draft(site: Site, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    response = await site.post(
        f"/campaigns/{campaign.pk}/recipients/", phone="8 (495) 123-45-67"
    )
    assert response.status_code == 302
    said = words(await site.get(response.headers["Location"]))
    assert "+74951234567 was added. Please note: a landline" in said
    assert (await fresh(campaign)).total == 2


@pytest.mark.parametrize(
    ("phone", "status", "reason"),
    [
        ("8 800 555 35 35", 422, "a toll-free number"),
        ("", 422, "Please type a phone"),
        ("8 999 000 00 00", 409, "on the list already"),
    ],
)
async def test_a_phone_that_cannot_be_added_stays_in_its_field(
    site: Site, line: Line, phone: str, status: int, reason: str
) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    response = await site.post(f"/campaigns/{campaign.pk}/recipients/", phone=phone)
    assert response.status_code == status
    assert reason in words(response)
    assert f'value="{phone}"' in response.text or not phone
    assert (await fresh(campaign)).total == 1


async def test_a_phone_comes_too_late_for_a_started_campaign(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    response = await site.post(
        f"/campaigns/{campaign.pk}/recipients/", phone="89991112233"
    )
    assert response.status_code == 409
    assert "running already" in words(response)


async def test_what_the_address_says_was_added_is_not_believed(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    response = await site.get(f"/campaigns/{campaign.pk}/?added=<b>you+won</b>")
    assert "won" not in words(response)
