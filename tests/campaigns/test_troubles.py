from __future__ import annotations

from datetime import timedelta

import pytest

from asgi_app.database import in_orm, orm_now
from campaigns import troubles
from campaigns.ledger import Ledger
from campaigns.models import LineClock, WorkerBeat
from campaigns.restored import LOOKED_THROUGH, RESTORED, Findings
from campaigns.states import MessageStatus
from chatapp.models import Account, Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, words
from tests.campaigns.test_decisions import with_outcomes
from tests.eventually import eventually

UNSURE = MessageStatus.UNSURE


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(troubles, "LOOK_EVERY_S", 0.05)


async def test_a_stopped_line_is_not_taken_for_a_dead_worker(
    site: Site, ledger: Ledger, line: Line, worker: WorkerBeat
) -> None:
    await with_outcomes(ledger, line, UNSURE, UNSURE, UNSURE)
    waiting = await in_orm(lists.running, line, 1, start=10)
    past = await in_orm(orm_now) - timedelta(minutes=5)
    await in_orm(LineClock.objects.filter(line=line).update, next_at=past)
    page = words(await site.get(f"/campaigns/{waiting.pk}/"))
    assert "The line was stopped" in page
    assert "no worker has taken it up" not in page


@pytest.mark.parametrize(
    ("kind", "said"),
    [("log_in", "refused the log-in"), ("refresh", "connect the account again")],
)
async def test_a_refused_account_is_said_on_every_page_until_it_is_not(
    site: Site, line: Line, kind: str, said: str
) -> None:
    at = await in_orm(orm_now)
    refused = {"refused_kind": kind, "refused_code": "X", "refused_at": at}
    await in_orm(Account.objects.update_or_create, pk=1, defaults=refused)

    async def is_said() -> bool:
        return "ChatApp refuses the account" in (await site.get("/connect/")).text

    await eventually(is_said)
    for path in ("/", "/campaigns/new/", "/connect/"):
        assert said in words(await site.get(path))
    await in_orm(Account.objects.filter(pk=1).update, refused_at=None)

    async def is_over() -> bool:
        return not await is_said()

    await eventually(is_over)


async def test_a_licence_that_is_over_is_said_while_something_waits(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    over = await in_orm(orm_now) - timedelta(days=1)
    await in_orm(Line.objects.filter(pk=line.pk).update, paid_until=over)

    async def is_said() -> bool:
        return "Its licence is over" in (await site.get("/")).text

    await eventually(is_said)
    await site.post(f"/campaigns/{campaign.pk}/pause/")

    async def is_over() -> bool:
        return not await is_said()

    await eventually(is_over)


async def test_a_stopped_line_is_said_on_every_page_and_goes_on_by_a_click(
    site: Site, ledger: Ledger, line: Line
) -> None:
    await with_outcomes(ledger, line, UNSURE, UNSURE, UNSURE)

    async def is_said() -> bool:
        return "Nothing leaves through" in (await site.get("/connect/")).text

    await eventually(is_said)
    for path in ("/", "/campaigns/new/"):
        assert "three messages in a row" in words(await site.get(path))
    assert (await site.post(f"/lines/{line.pk}/release/")).status_code == 302
    assert (await in_orm(LineClock.objects.get, line=line)).stopped_code == ""
    assert "Nothing leaves through" not in (await site.get("/")).text
    assert (await site.post(f"/lines/{line.pk}/release/")).status_code == 302


async def test_a_backup_that_was_put_back_is_one_box_for_all_lines(
    site: Site, line: Line, worker: WorkerBeat
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    at = await in_orm(orm_now)

    lines: list[Line] = []

    def put_back() -> None:
        for number, code in enumerate((LOOKED_THROUGH, RESTORED, RESTORED)):
            name = f"Shop {number}"
            each, _ = Line.objects.update_or_create(
                licence_id=line.licence_id + "0" * number,
                messenger=line.messenger,
                defaults={"name": name},
            )
            lines.append(each)
            LineClock.objects.update_or_create(
                line=each,
                defaults={
                    "next_at": at,
                    "stopped_at": at,
                    "stopped_code": code,
                    "stopped_reason": Findings(looked=number).write(),
                },
            )

    await in_orm(put_back)

    async def is_said() -> bool:
        return "Nothing leaves through 3 lines" in (await site.get("/connect/")).text

    await eventually(is_said)
    page = await site.get("/")
    assert page.text.count('class="warn trouble"') == 1
    assert words(page).count("each message that waits is looked for") == 1
    assert "Shop 2 · grWhatsApp Looked for so far: 2;" in words(page)
    # The other two are still looked through.
    offered = [f"/lines/{each.pk}/release/" in page.text for each in lines]
    assert offered == [True, False, False]
    said = words(await site.get(f"/campaigns/{campaign.pk}/"))
    assert "why stands above. No message is lost" in said
    assert "why stands above" in words(page)
    assert "Looked for so far: 0;" not in said
    assert said.count("Looked for so far: 1;") == 1
