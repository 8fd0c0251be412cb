from __future__ import annotations

from datetime import timedelta

import pytest

from asgi_app.database import orm_now
from campaigns.clocks import read_clocks
from campaigns.models import Campaign, LineClock
from chatapp.limiter import ACCOUNT_PAUSED
from chatapp.models import Line
from tests.campaigns import lists

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("served_s", [-1, 1])
def test_a_pause_of_the_account_is_over_once_another_line_has_sent(
    line: Line, served_s: int
) -> None:
    now = orm_now()
    held_at, until = now - timedelta(seconds=10), now + timedelta(hours=1)
    other = Line.objects.create(licence_id="2", messenger="grWhatsApp")
    LineClock.objects.create(
        line=other, next_at=until, held_code=ACCOUNT_PAUSED, held_at=held_at
    )
    LineClock.objects.create(line=line, next_at=now)
    lists.running(line, 1)
    Campaign.objects.update(served_at=held_at + timedelta(seconds=served_s))
    shown = read_clocks([line.pk], now)[line.pk].next_at
    assert shown == (now if served_s > 0 else until)
