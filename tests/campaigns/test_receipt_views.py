from __future__ import annotations

import csv
import io
import re

import httpx
import pytest

from asgi_app.database import in_orm
from campaigns.models import Campaign, ListRemark, Message
from campaigns.states import CampaignStatus
from chatapp.models import Line
from tests.campaigns.browser import Site, change, form, fresh, words

PASTED = "8 999 000 00 01\n8 999 000 01\n+79990000001\n=1+1\n8 495 123-45-67"
CLIENTS = "name;phone\nVera;8 999 000 00 01\n;8 999 000 00 02\n;8 999 000 00 03\n"


async def drafted(site: Site, line: Line, phones: str = PASTED) -> Campaign:
    await site.post("/campaigns/new/", **form(line, phones=phones))
    return await in_orm(Campaign.objects.get)


async def drafted_from_file(site: Site, line: Line) -> Campaign:
    file = {"upload": ("a.csv", CLIENTS)}
    fields = form(line, phones="", text="Hi {name}")
    await site.post("/campaigns/new/", **fields, files=file)
    return await in_orm(Campaign.objects.get)


def typed(response: httpx.Response, **changed: str) -> dict[str, str]:
    """The fields of the page as they are, with changes by line or "line-place"."""
    fields = dict(
        re.findall(r'name="((?:text|value)-[\d-]+)" value="([^"]*)"', response.text)
    )
    lines = re.findall(r'for="text-(\d+)">row (\d+)', response.text)
    for line, text in changed.items():
        number, _, place = line.removeprefix("line").partition("_")
        (key,) = [pk for pk, there in lines if there == number]
        fields[f"value-{key}-{place}" if place else f"text-{key}"] = text
    return fields


async def correct(site: Site, place: str, **changed: str) -> httpx.Response:
    page = await site.get(place)
    remarks = re.findall(r'name="remark" value="(\d+)"', page.text)
    names = re.findall(r'name="name" value="([^"]*)"', page.text)
    fields = typed(page, **changed)
    fields |= {"csrfmiddlewaretoken": site.http.cookies["csrftoken"]}
    return await site.http.post(
        place, data={**fields, "remark": remarks, "name": names}
    )


async def test_the_receipt_adds_up_and_names_lines(site: Site, line: Line) -> None:
    campaign = await drafted(site, line)
    said = words(await site.get(f"/campaigns/{campaign.pk}/receipt/"))
    assert "5 rows: 2 in, 1 double, 1 without a number, 1 with too few digits." in said
    assert "1 on the list already row 3 left out" in said
    assert "1 a landline; WhatsApp Business may run on it row 5 kept" in said


async def test_it_says_that_the_header_has_a_number_too(site: Site, line: Line) -> None:
    campaign = await drafted(site, line, "name;phone\nVera;8 999 000 00 01\nIvan;abc")
    said = words(await site.get(f"/campaigns/{campaign.pk}/receipt/"))
    assert "2 rows: 1 in, 1 without a number." in said
    assert "no phone number found here row 3 left out" in said
    assert "numbered as in the list itself, its header and empty rows included" in said


async def test_a_group_can_be_opened(site: Site, line: Line) -> None:
    campaign = await drafted(site, line)
    said = words(await site.get(f"/campaigns/{campaign.pk}/receipt/double/"))
    assert "row 3 +79990000001 on the list already first in row 1" in said
    assert (
        await site.get(f"/campaigns/{campaign.pk}/receipt/nonsense/")
    ).status_code == 404
    assert (await site.get("/campaigns/7777/receipt/double/")).status_code == 404


async def test_a_group_can_be_downloaded_without_formulas(
    site: Site, line: Line
) -> None:
    campaign = await drafted(site, line)
    response = await site.get(f"/campaigns/{campaign.pk}/receipt/not_a_number.csv")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    text = response.content.decode("utf-8")
    assert text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(text[1:])))
    assert [row[1:4] for row in rows[1:]] == [
        ["4", "'=1+1", "no phone number found here"]
    ]
    whole = await site.get(f"/campaigns/{campaign.pk}/receipt/all.csv")
    assert len(whole.text.splitlines()) == 5
    assert (await site.get("/campaigns/7777/receipt/all.csv")).status_code == 404


async def test_a_line_is_corrected_on_the_page(site: Site, line: Line) -> None:
    campaign = await drafted(site, line)
    place = f"/campaigns/{campaign.pk}/receipt/too_short/"
    done = await correct(site, place, line2="8 999 000 00 02")
    assert done.status_code == 302
    said = words(await site.get(done.headers["Location"]))
    assert "1 phone was added to the draft" in said
    assert "No row is left here" in said
    assert (await fresh(campaign)).total == 3
    said = words(await site.get(f"/campaigns/{campaign.pk}/"))
    assert "5 rows: 3 in, 1 double, 1 without a number." in said
    assert "corrected rows of the list (1)" in said
    remark = await in_orm(ListRemark.objects.get, reason="corrected")
    assert (remark.raw, remark.phone) == ("8 999 000 01", "+79990000002")
    message = await in_orm(Message.objects.get, phone="+79990000002")
    assert (message.list_line, message.is_from_upload) == (2, False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("8 999 000 03", "too few digits"),
        ("8 999 000 00 01", "on the list already"),
        ("", "the phone is missing"),
        ("<b>", "no phone number found here"),
    ],
)
async def test_what_is_still_wrong_stays_with_its_reason(
    site: Site, line: Line, text: str, reason: str
) -> None:
    campaign = await drafted(site, line)
    place = f"/campaigns/{campaign.pk}/receipt/too_short/"
    response = await correct(site, place, line2=text)
    assert response.status_code == 422
    assert "1 row is still wrong" in words(response)
    assert reason in words(response)
    assert (await fresh(campaign)).total == 2
    remark = await in_orm(ListRemark.objects.get, reason="too_short")
    assert remark.raw == "8 999 000 01"


async def test_lines_that_are_left_alone_are_not_complained_about(
    site: Site, line: Line
) -> None:
    campaign = await drafted(site, line, "8 999 000 01\n8 999 000 02\n89990000001")
    place = f"/campaigns/{campaign.pk}/receipt/too_short/"
    done = await correct(site, place, line1="8 999 000 00 03")
    assert done.status_code == 302
    assert (await fresh(campaign)).total == 2


async def test_a_missing_value_is_typed_in(site: Site, line: Line) -> None:
    campaign = await drafted_from_file(site, line)
    place = f"/campaigns/{campaign.pk}/receipt/value_missing/"
    response = await correct(site, place, line3_0="Yan")
    assert response.status_code == 302
    message = await in_orm(Message.objects.get, phone="+79990000002")
    assert message.fields == {"name": "Yan"}
    assert (message.list_line, message.is_from_upload) == (3, True)


async def test_a_corrected_phone_still_needs_its_values(site: Site, line: Line) -> None:
    file = {"upload": ("a.csv", CLIENTS.replace("00 02", "02"))}
    fields = form(line, phones="", text="Hi {name}")
    await site.post("/campaigns/new/", **fields, files=file)
    campaign = await in_orm(Campaign.objects.get)
    place = f"/campaigns/{campaign.pk}/receipt/too_short/"
    response = await correct(site, place, line3="8 999 000 00 02")
    assert response.status_code == 422
    assert "the row has no value that the text needs (name)" in words(response)


async def test_a_started_campaign_is_not_corrected(site: Site, line: Line) -> None:
    campaign = await drafted(site, line)
    place = f"/campaigns/{campaign.pk}/receipt/too_short/"
    page = await site.get(place)
    await change(campaign, status=CampaignStatus.RUNNING)
    assert 'name="remark"' not in (await site.get(place)).text
    fields = typed(page, line2="8 999 000 00 02")
    remark = re.findall(r'name="remark" value="(\d+)"', page.text)[0]
    response = await site.post(place, remark=remark, **fields)
    assert response.status_code == 409
    assert "running already" in words(response)
    assert (await fresh(campaign)).total == 2


async def test_doubles_cannot_be_corrected(site: Site, line: Line) -> None:
    campaign = await drafted(site, line)
    remark = await in_orm(ListRemark.objects.get, reason="double")
    place = f"/campaigns/{campaign.pk}/receipt/double/"
    assert 'name="remark"' not in (await site.get(place)).text
    fields = {"remark": str(remark.pk), f"text-{remark.pk}": "8 999 000 00 09"}
    await site.post(place, **fields)
    assert (await fresh(campaign)).total == 2
