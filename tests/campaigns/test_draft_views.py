from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from pytest_django import Settings

from asgi_app.database import in_orm
from campaigns.models import (
    Campaign,
    ListRemark,
    Message,
    StopEntry,
    Upload,
    UploadPiece,
)
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
    assert "row 2 8 800 555 35 35 a toll-free number" in said
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


def ticket_in(response: httpx.Response) -> str:
    """What the page carries to find its file again."""
    found = re.search(r'name="kept" value="([^"]+)"', response.text)
    assert found, words(response)
    return found[1]


async def test_a_file_is_kept_while_the_form_is_shown_again(
    site: Site, line: Line
) -> None:
    file = ("clients.xlsx", (SAMPLES / "clients.xlsx").read_bytes())
    first = await site.post(
        "/campaigns/new/", **form(line, name="", phones=""), files={"upload": file}
    )
    assert first.status_code == 422
    assert "clients.xlsx (10.4 KB) is kept" in words(first)
    assert "197 phones will get the message" in words(first)
    again = form(line, phones="8 999 000 00 01", kept=ticket_in(first))
    await site.post("/campaigns/new/", **again)
    campaign = await in_orm(Campaign.objects.get)
    assert campaign.total == 198
    sources = await in_orm(
        lambda: set(ListRemark.objects.values_list("source", flat=True))
    )
    assert sources == {"clients.xlsx"}
    assert not await in_orm(UploadPiece.objects.exists)


async def test_a_page_that_is_sent_twice_makes_one_draft(
    site: Site, line: Line
) -> None:
    first = await site.post(
        "/campaigns/new/",
        **form(line, do="check", phones=""),
        files={"upload": ("a.txt", b"89990000001")},
    )
    fields = form(line, phones="", kept=ticket_in(first))
    places = [
        (await site.post("/campaigns/new/", **fields)).headers["Location"]
        for _ in range(2)
    ]
    campaign = await in_orm(Campaign.objects.get)
    assert places == [f"/campaigns/{campaign.pk}/"] * 2


async def test_a_kept_file_can_be_left_out_or_replaced(site: Site, line: Line) -> None:
    file = {"upload": ("a.txt", b"89990000001")}
    first = await site.post(
        "/campaigns/new/", **form(line, do="check", phones=""), files=file
    )
    kept = ticket_in(first)
    without = await site.post(
        "/campaigns/new/", **form(line, do="without-file", phones="", kept=kept)
    )
    assert "Please paste at least one phone" in words(without)
    assert not await in_orm(Upload.objects.exists)
    first = await site.post(
        "/campaigns/new/", **form(line, do="check", phones=""), files=file
    )
    other = {"upload": ("b.txt", b"89990000002")}
    fields = form(line, phones="", kept=ticket_in(first))
    await site.post("/campaigns/new/", **fields, files=other)
    message = await in_orm(Message.objects.get)
    assert message.phone == "+79990000002"


async def test_where_no_column_is_found_it_is_asked_for(site: Site, line: Line) -> None:
    file = {"upload": ("a.csv", "Кто;Куда\nВера;нет\nЯн;нет\nАня;8 999 000 00 01\n")}
    asked = await site.post("/campaigns/new/", **form(line, phones=""), files=file)
    assert asked.status_code == 422
    assert "not clear which column holds the phones" in words(asked)
    assert "<td>Вера</td><td>нет</td>" in asked.text
    assert not await in_orm(Campaign.objects.exists)
    fields = form(line, phones="", kept=ticket_in(asked), column="1")
    saved = await site.post("/campaigns/new/", **fields)
    assert saved.status_code == 302
    campaign = await in_orm(Campaign.objects.get)
    said = words(await site.get(f"/campaigns/{campaign.pk}/"))
    assert "3 rows: 1 in, 2 without a number." in said


CLIENTS = "Имя;Телефон;Город\nВера;8 999 000 00 01;Омск\n;8 999 000 00 02;Пермь\n"


async def test_a_text_is_filled_from_the_columns(site: Site, line: Line) -> None:
    file = {"upload": ("a.csv", CLIENTS)}
    fields = form(line, phones="", text="Hi {имя|friend}, {город}!")
    checked = await site.post(
        "/campaigns/new/", **{**fields, "do": "check"}, files=file
    )
    assert "+79990000001 Hi Вера, Омск!" in words(checked)
    assert "+79990000002 Hi friend, Пермь!" in words(checked)
    await site.post("/campaigns/new/", **fields, files=file)
    stored = await in_orm(
        lambda: list(Message.objects.values_list("fields", flat=True))
    )
    assert stored == [{"имя": "Вера", "город": "Омск"}, {"город": "Пермь"}]
    campaign = await in_orm(Campaign.objects.get)
    said = words(await site.get(f"/campaigns/{campaign.pk}/"))
    assert "+79990000002 Hi friend, Пермь!" in said


async def test_only_values_that_the_text_names_are_stored(
    site: Site, line: Line
) -> None:
    file = {"upload": ("a.csv", CLIENTS)}
    await site.post("/campaigns/new/", **form(line, phones=""), files=file)
    assert not await in_orm(Message.objects.exclude(fields=None).exists)


async def test_a_row_without_a_value_is_left_out_and_named(
    site: Site, line: Line
) -> None:
    file = {"upload": ("a.csv", CLIENTS)}
    fields = form(line, phones="", text="Hi {имя}!")
    await site.post("/campaigns/new/", **fields, files=file)
    campaign = await in_orm(Campaign.objects.get)
    assert campaign.total == 1
    said = words(await site.get(f"/campaigns/{campaign.pk}/receipt/"))
    assert "2 rows: 1 in, 1 without a value that the text needs." in said


async def test_a_text_that_grows_too_long_is_left_out(site: Site, line: Line) -> None:
    rows = "имя;телефон\nВера;8 999 000 00 01\nАлександра;8 999 000 00 02\n"
    fields = form(line, phones="", text="{имя}" + "я" * 4090)
    await site.post("/campaigns/new/", **fields, files={"upload": ("a.csv", rows)})
    assert (await in_orm(Campaign.objects.get)).total == 1
    remark = await in_orm(ListRemark.objects.get)
    assert (remark.line, remark.reason) == (3, "text_too_long")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hi {nmae|friend}", "no column ‹nmae›; its columns are: Имя, Телефон, Город"),
        ("Hi {имя", "this curly bracket has no other half"),
        ("[Hi|Hello", "these variants are not closed"),
        ("{}", "the name of a column is expected"),
    ],
)
async def test_a_text_that_cannot_be_filled_is_refused_where_it_was_typed(
    site: Site, line: Line, text: str, said: str
) -> None:
    file = {"upload": ("a.csv", CLIENTS)}
    response = await site.post(
        "/campaigns/new/", **form(line, phones="", text=text), files=file
    )
    assert response.status_code == 422
    assert said in words(response)
    assert not await in_orm(Campaign.objects.exists)


async def test_variables_need_a_list_with_columns(site: Site, line: Line) -> None:
    response = await site.post("/campaigns/new/", **form(line, text="Hi {name|friend}"))
    assert "The list has no named columns, so {name} cannot be filled" in words(
        response
    )
    pasted = "name\tphone\nVera\t8 999 000 00 01\nYan\t8 999 000 00 02"
    fields = form(line, text="Hi {name}", phones=pasted)
    assert (await site.post("/campaigns/new/", **fields)).status_code == 302


async def test_a_phone_is_added_with_the_values_that_the_text_needs(
    site: Site, line: Line
) -> None:
    file = {"upload": ("a.csv", CLIENTS)}
    fields = form(line, phones="", text="Hi {имя}!")
    await site.post("/campaigns/new/", **fields, files=file)
    campaign = await in_orm(Campaign.objects.get)
    place = f"/campaigns/{campaign.pk}/recipients/"
    response = await site.post(place, phone="8 999 000 00 03")
    assert response.status_code == 422
    assert "The text needs a value for {имя}." in words(response)
    added = await site.post(place, phone="8 999 000 00 03", **{"value-0": "Ян"})
    assert added.status_code == 302
    assert "+79990000003 Hi Ян!" in words(await site.get(f"/campaigns/{campaign.pk}/"))


async def test_who_is_on_the_stop_list_does_not_come_in(site: Site, line: Line) -> None:
    await in_orm(StopEntry.objects.create, phone="+79990000002")
    await site.post("/campaigns/new/", **form(line))
    campaign = await in_orm(Campaign.objects.get)
    assert campaign.total == 1
    said = words(await site.get(f"/campaigns/{campaign.pk}/"))
    assert "1 row with 2 entries: 1 in, 1 on the stop list." in said
    response = await site.post(
        f"/campaigns/{campaign.pk}/recipients/", phone="8 999 000 00 02"
    )
    assert response.status_code == 409
    assert "This phone is on the stop list." in words(response)


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
