from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime
from zipfile import ZipFile

import httpx

from asgi_app.database import in_orm
from campaigns.ledger import Ledger
from campaigns.models import Campaign, Message
from campaigns.services import pause_campaign
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, form
from tests.campaigns.test_decisions import with_outcomes
from tests.campaigns.test_exports import table_of

ACCEPTED, FAILED = MessageStatus.ACCEPTED, MessageStatus.FAILED
UNSURE = MessageStatus.UNSURE
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FILES = ["text.txt", "list.csv", "messages.csv", "actions.csv", "summary.txt"]


async def pack_of(site: Site, campaign: Campaign) -> dict[str, bytes]:
    answer: httpx.Response = await site.get(f"/campaigns/{campaign.pk}/proof.zip")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/zip"
    with ZipFile(io.BytesIO(answer.content)) as pack:
        assert pack.testzip() is None
        return {name: pack.read(name) for name in pack.namelist()}


async def test_every_file_agrees_with_its_sum(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED, FAILED)
    pack = await pack_of(site, campaign)
    assert list(pack) == [*FILES, "SHA256SUMS"]
    said = [told.split("  ") for told in pack["SHA256SUMS"].decode().splitlines()]
    assert [name for _, name in said] == FILES
    for digest, name in said:
        assert hashlib.sha256(pack[name]).hexdigest() == digest


async def test_each_message_has_its_times_in_two_zones_and_its_reason(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED, FAILED)
    read = Message.objects.filter(campaign=campaign, status=ACCEPTED)
    await in_orm(read.update, read_at=AT)
    pack = await pack_of(site, campaign)
    first, second = table_of(pack["messages.csv"])
    assert first["Read (Europe/Moscow)"] == "2026-01-02 06:04:05"
    assert first["Read (UTC)"] == "2026-01-02 03:04:05"
    assert (second["Code"], second["Reason"]) == ("why", "the reason")
    assert pack["text.txt"].decode() == campaign.text


async def test_the_sums_are_those_of_the_rows_in_the_pack(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED, ACCEPTED, FAILED, UNSURE)
    summary = (await pack_of(site, campaign))["summary.txt"].decode()
    assert "Messages: 4 = 2 accepted + 1 failed + 1 unsure ✓\n" in summary
    put_together = next(x for x in summary.splitlines() if x.startswith("Put"))
    assert put_together.endswith(" UTC · anna")
    counted = Campaign.objects.filter(pk=campaign.pk)
    await in_orm(counted.update, total=5)
    summary = (await pack_of(site, campaign))["summary.txt"].decode()
    assert "1 unsure; the campaign counted 5 when this was begun\n" in summary
    assert "✓" not in summary


async def test_it_says_who_did_what(site: Site, ledger: Ledger, line: Line) -> None:
    campaign = await in_orm(lists.running, line, 2)
    await in_orm(pause_campaign, campaign_id=campaign.pk, operator="=boris")
    *_, last = table_of((await pack_of(site, campaign))["actions.csv"])
    assert (last["Operator"], last["Action"]) == ("'=boris", "paused it")
    assert last["Time (UTC)"] < last["Time (Europe/Moscow)"]


async def test_it_speaks_the_language_of_the_page(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED)
    site.http.cookies.set("language", "ru")
    pack = await pack_of(site, campaign)
    (row,) = table_of(pack["messages.csv"], ";")
    assert row["Телефон"] == "'+79990000000"
    assert "Телефон" in pack["list.csv"].decode()
    *_, last = table_of(pack["actions.csv"], ";")
    assert last["Действие"] == "запуск"
    assert "Сообщения: 1 = принято: 1 ✓" in pack["summary.txt"].decode()


async def test_a_campaign_that_is_not_there_has_no_proof(site: Site) -> None:
    assert (await site.get("/campaigns/4711/proof.zip")).status_code == 404


async def test_it_holds_what_was_left_out_of_the_list_and_why(
    site: Site, line: Line
) -> None:
    phones = "+79990000001\ncall Ivan\n8 999 000-00-01"
    await site.post("/campaigns/new/", **form(line, phones=phones))
    campaign = await in_orm(Campaign.objects.get)
    pack = await pack_of(site, campaign)
    told = {row["Text there"]: row["Reason"] for row in table_of(pack["list.csv"])}
    assert told == {
        "call Ivan": "no phone number found here",
        "8 999 000-00-01": "on the list already",
    }
    assert "1 in" in pack["summary.txt"].decode()


async def test_the_page_of_what_has_started_links_it(site: Site, line: Line) -> None:
    for made, is_linked in ((lists.draft, False), (lists.running, True)):
        campaign = await in_orm(made, line, 1)
        page = (await site.get(f"/campaigns/{campaign.pk}/")).text
        assert (f"/campaigns/{campaign.pk}/proof.zip" in page) == is_linked
