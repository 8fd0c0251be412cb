from __future__ import annotations

import httpx
import pytest

from asgi_app.database import in_orm
from campaigns import stops
from campaigns.models import StopEntry
from campaigns.recipients import read_text
from campaigns.spreadsheets import read_file
from tests.campaigns.browser import Site, words


async def entries() -> list[tuple[str, str, str]]:
    found = StopEntry.objects.order_by("phone")
    return await in_orm(lambda: list(found.values_list("phone", "added_by", "reason")))


async def test_pasted_phones_are_added_with_who_and_why(site: Site) -> None:
    answer = await site.post(
        "/stops/", phones="8 903 123 45 67\n+79031234568", reason="asked by phone"
    )
    assert answer.headers["Location"] == "/stops/?added=2&known=0"
    assert await entries() == [
        ("+79031234567", "anna", "asked by phone"),
        ("+79031234568", "anna", "asked by phone"),
    ]
    page = words(await site.get(answer.headers["Location"]))
    assert "2 phones were added" in page
    assert "+79031234567 anna" in page and "asked by phone" in page


async def test_adding_them_again_says_so(site: Site) -> None:
    await site.post("/stops/", phones="+79031234567")
    answer = await site.post("/stops/", phones="+79031234567, +79031234568")
    said = words(await site.get(answer.headers["Location"]))
    assert "1 phone was added" in said and "1 was on the list already" in said


async def test_wrong_lines_are_named_and_kept_while_the_good_ones_are_added(
    site: Site,
) -> None:
    answer = await site.post(
        "/stops/", phones="+79031234567\nno phone here\n8 800 555 35 35", reason="why"
    )
    assert answer.status_code == 422
    said = words(answer)
    assert "1 phone was added" in said
    assert "row 2: no phone here — no phone number found here" in said
    assert "row 3: 8 800 555 35 35 — a toll-free number" in said
    assert "no phone here\n8 800 555 35 35</textarea>" in answer.text
    assert 'value="why"' in answer.text
    assert [phone for phone, *_ in await entries()] == ["+79031234567"]


@pytest.mark.parametrize("typed", ["", "nobody <b>"])
async def test_without_a_phone_nothing_typed_is_lost(site: Site, typed: str) -> None:
    answer = await site.post("/stops/", phones=typed, reason="why")
    assert answer.status_code == 422
    assert "Nothing was added" in words(answer)
    assert (
        f"{typed.replace('<', '&lt;').replace('>', '&gt;')}</textarea>" in answer.text
    )
    assert await entries() == []


async def test_a_file_is_read_and_gives_the_reason(site: Site) -> None:
    file = ("left.csv", "телефон;имя\n89031234567;Anna\n".encode("cp1251"))
    answer = await site.post("/stops/", phones="", files={"upload": file})
    assert answer.status_code == 302
    assert await entries() == [("+79031234567", "anna", "left.csv")]


async def test_an_unreadable_file_is_named_and_adds_nothing(site: Site) -> None:
    answer = await site.post(
        "/stops/",
        phones="+79031234567",
        files={"upload": ("p.xlsx", b"\x89PNG....", "image/png")},
    )
    assert answer.status_code == 422
    assert "This kind of file cannot be read" in answer.text
    assert "+79031234567</textarea>" in answer.text
    assert await entries() == []


async def test_a_phone_is_removed_and_can_be_put_back(site: Site) -> None:
    await site.post("/stops/", phones="+79031234567")
    answer = await site.post("/stops/remove/", phone="+79031234567")
    assert await entries() == []
    page = await site.get(answer.headers["Location"])
    assert "+79031234567 was removed" in words(page)
    assert 'name="phones" value="+79031234567"' in page.text
    again = await site.post("/stops/remove/", phone="+79031234567")
    assert again.headers["Location"] == "/stops/"


async def test_a_removal_that_names_no_phone_changes_nothing(site: Site) -> None:
    await site.post("/stops/", phones="+79031234567")
    for phone in ("", "79031234567", "<script>"):
        assert (await site.post("/stops/remove/", phone=phone)).status_code == 302
    assert len(await entries()) == 1


async def test_the_list_is_searched_and_paged_by_key(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stops, "PAGE", 2)
    await site.post("/stops/", phones=", ".join(f"+7903000000{n}" for n in range(5)))
    first = await site.get("/stops/?phone=7903")
    assert "+79030000004" in first.text and "+79030000002" not in first.text
    older = first.text.partition('rel="next" href="')[2].partition('"')[0]
    second = await site.get("/stops/" + older.replace("&amp;", "&"))
    assert "+79030000002" in second.text and "+79030000004" not in second.text
    nothing = await site.get("/stops/?phone=1111")
    assert "No phone on the list is like this" in words(nothing)
    assert 'value="1111"' in nothing.text


@pytest.mark.parametrize("key", ["9" * 30, "-1", "abc", "٣"])
async def test_a_key_that_makes_no_sense_does_no_harm(site: Site, key: str) -> None:
    assert (
        await site.get(
            "/stops/",
        )
    ).status_code == 200
    assert (await site.get(f"/stops/?before={key}&added={key}")).status_code == 200


async def test_the_file_of_the_list_can_be_read_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stops, "CHUNK", 2)
    phones = [f"+7903000000{n}" for n in range(5)]
    await site.post("/stops/", phones=" ".join(phones), reason="=1+1")
    await in_orm(
        StopEntry.objects.create, phone="+79039999999", added_by="", reason="СТОП"
    )
    answer = await site.get("/stops/export.csv")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert '"\'=1+1"' in answer.text and '"its owner"' in answer.text
    read = read_file("stop-list.csv", answer.content, region="RU")
    assert [r.phone for r in read.recipients] == [*phones, "+79039999999"]
    assert read_text(answer.text, region="RU").recipients


async def test_an_outsider_sees_and_changes_nothing(site: Site) -> None:
    await site.post("/stops/", phones="+79031234567")
    site.http.auth = httpx.BasicAuth("anna", "wrong")
    assert (await site.get("/stops/")).status_code == 401
    assert (await site.get("/stops/export.csv")).status_code == 401
    token = {"csrfmiddlewaretoken": site.http.cookies["csrftoken"]}
    for path in ("/stops/", "/stops/remove/"):
        body = {"phones": "+79030000000", "phone": "+79031234567", **token}
        assert (await site.http.post(path, data=body)).status_code == 401
    assert len(await entries()) == 1
