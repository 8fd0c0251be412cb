from __future__ import annotations

import pytest
from django.db import connection

from asgi_app.database import Params, Row, SqliteDoor, in_orm
from campaigns import slices
from campaigns.ledger import Ledger
from campaigns.models import Campaign, Message, SliceMember
from campaigns.services import start_campaign
from campaigns.slices import choose_slice
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists


def chosen(campaign: Campaign) -> set[int]:
    members = SliceMember.objects.filter(campaign=campaign)
    return set(members.values_list("message_id", flat=True))


# With one key a round the draws end in nothing, and the keys themselves are read.
@pytest.mark.parametrize("drawn_at_once", [500, 1])
def test_only_what_waits_in_this_very_campaign_is_chosen(
    line: Line, monkeypatch: pytest.MonkeyPatch, drawn_at_once: int
) -> None:
    monkeypatch.setattr(slices, "_DRAWN_AT_ONCE", drawn_at_once)
    monkeypatch.setattr(slices, "_ROUNDS", 2)
    campaign = lists.draft(line, 12)
    other = lists.draft(line, 12, start=100)
    # Both lists came in at once: their keys lie between each other.
    keys = list(Message.objects.order_by("pk").values_list("pk", flat=True))
    Message.objects.filter(pk__in=keys[1:11:2]).update(campaign=other)
    Message.objects.filter(pk__in=keys[14::2]).update(campaign=campaign)
    own = Message.objects.filter(campaign=campaign).order_by("pk")
    gone = list(own.values_list("pk", flat=True))[2:5]
    Message.objects.filter(pk__in=gone).update(status=MessageStatus.CANCELLED)
    waiting = set(own.values_list("pk", flat=True)) - set(gone)
    for _ in range(5):
        choose_slice(campaign, 8)
        assert len(chosen(campaign)) == 8
        assert chosen(campaign) <= waiting


class ListeningDoor(SqliteDoor):
    """A door that keeps what was asked through it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, Params]] = []

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        self.asked.append((sql, params))
        return await super().fetch(sql, params)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="its plan is SQLite's")
async def test_what_is_due_of_a_slice_is_found_by_its_members(line: Line) -> None:
    draft = await in_orm(lists.draft, line, 9)
    await in_orm(lambda: Campaign.objects.update(slice_size=2))
    await in_orm(start_campaign, campaign_id=draft.pk, operator="anna")
    door = ListeningDoor()
    ledger = Ledger(door, worker="test")
    state = await ledger.look(line.pk)
    assert state is not None and state.head is not None
    door.asked = []
    assert len(await ledger.find_due(state, 5)) == 2
    assert await ledger.first_delay(state.head) is not None
    assert len(door.asked) == 2
    for sql, params in list(door.asked):
        plan = await door.fetch(f"EXPLAIN QUERY PLAN {sql}", params)
        assert str(plan[0][-1]).startswith("SEARCH x "), plan
    await door.close()
