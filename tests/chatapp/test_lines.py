from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from pytest_django.fixtures import Settings
from redis.asyncio import Redis

from asgi_app.database import in_orm
from chatapp import lines
from chatapp.client import ChatApp
from chatapp.limiter import Limiter
from chatapp.lines import LineNotUsable, Preference, ensure_lines
from chatapp.models import Account, Line, Unusable, why_unusable
from chatapp.sandbox.knobs import Endpoint, Kind
from chatapp.types import Licence, Messenger
from tests.chatapp.accounts_rig import Rig, rigged

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
ANY = Preference()

pytestmark = pytest.mark.django_db(transaction=True)


def licence(licence_id: str, *messengers: str, **more: Any) -> Licence:
    fields: dict[str, Any] = {
        "name": None,
        "paid_until": NOW + timedelta(days=1),
        "status_code": "paid",
        "active": True,
    }
    return Licence(
        licence_id=licence_id,
        messengers=tuple(
            Messenger(kind, kind, None) for kind in messengers or ("grWhatsApp",)
        ),
        **fields | more,
    )


def kept(*licences: Licence, preference: Preference = ANY) -> list[Line]:
    lines.keep(licences, preference, NOW)
    return lines.all_lines()


def chosen() -> list[str]:
    return [line.licence_id for line in Line.objects.filter(is_chosen=True)]


def test_each_messenger_of_a_licence_is_a_line() -> None:
    found = kept(licence("1", "grWhatsApp", "telegram"), licence("2"))
    assert {(line.licence_id, line.messenger) for line in found} == {
        ("1", "grWhatsApp"),
        ("1", "telegram"),
        ("2", "grWhatsApp"),
    }


def test_fetching_again_changes_the_rows_and_makes_no_new_ones() -> None:
    (before,) = kept(licence("1", name="Old"))
    (after,) = kept(licence("1", name="New"))
    assert (after.pk, after.name) == (before.pk, "New")


def test_a_line_that_is_gone_stays_and_is_marked() -> None:
    kept(licence("1"), licence("2"))
    found = kept(licence("2"))
    assert [(line.licence_id, line.is_listed) for line in found] == [
        ("2", True),
        ("1", False),
    ]
    assert why_unusable(found[1], NOW) is Unusable.NOT_LISTED


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, None),
        ({"paid_until": None, "active": None, "status_code": ""}, None),
        ({"active": False}, Unusable.INACTIVE),
        ({"paid_until": NOW}, Unusable.OVER),
    ],
)
def test_why_a_line_is_unusable(more: dict[str, Any], why: Unusable | None) -> None:
    (line,) = kept(licence("1", **more))
    assert why_unusable(line, NOW) is why


def test_the_only_usable_line_is_chosen_by_itself() -> None:
    kept(licence("1", active=False), licence("2"))
    assert chosen() == ["2"]


def test_of_several_usable_lines_none_is_chosen_but_in_the_sandbox() -> None:
    kept(licence("1", active=False), licence("2"), licence("3"))
    assert chosen() == []
    kept(licence("2"), licence("3"), preference=Preference(first_will_do=True))
    assert chosen() == ["2"]


def test_the_line_of_the_settings_is_chosen_by_itself() -> None:
    wanted = Preference("3", "telegram", first_will_do=True)
    kept(licence("2"), licence("3", "grWhatsApp", "telegram"), preference=wanted)
    assert chosen() == ["3"]
    assert Line.objects.get(is_chosen=True).messenger == "telegram"


def test_no_other_line_is_chosen_when_that_of_the_settings_is_missing() -> None:
    kept(licence("2"), preference=Preference("3", "grWhatsApp", first_will_do=True))
    assert chosen() == []


def test_what_an_operator_chose_stays() -> None:
    wanted = Preference("1", "grWhatsApp")
    found = kept(licence("1"), licence("2"), preference=wanted)
    lines.choose(found[1].pk, by="anna", now=NOW)
    kept(licence("1"), licence("2"), preference=wanted)
    line = Line.objects.get(is_chosen=True)
    assert (line.licence_id, line.chosen_by) == ("2", "anna")


def test_a_chosen_line_that_is_gone_gives_way_to_the_only_usable_one() -> None:
    kept(licence("1"))
    kept(licence("2"))
    assert chosen() == ["2"]


def test_a_line_that_cannot_send_cannot_be_chosen() -> None:
    good, over = kept(licence("1"), licence("2", paid_until=NOW))
    with pytest.raises(LineNotUsable) as caught:
        lines.choose(over.pk, by="anna", now=NOW)
    assert caught.value.why is Unusable.OVER
    with pytest.raises(Line.DoesNotExist):
        lines.choose(good.pk + 1000, by="anna", now=NOW)
    assert chosen() == ["1"]


async def test_of_choices_made_at_once_one_stands() -> None:
    found = await in_orm(kept, *(licence(str(number)) for number in range(5)))
    await asyncio.gather(
        *(in_orm(partial(lines.choose, line.pk, by="x", now=NOW)) for line in found)
    )
    assert len(await in_orm(chosen)) == 1


async def test_fetching_at_once_makes_each_line_once() -> None:
    fetched = [licence(str(number)) for number in range(5)]
    await asyncio.gather(*(in_orm(kept, *fetched) for _ in range(5)))
    assert await in_orm(Line.objects.count) == 5


# Through the API


@pytest.fixture
async def rig(redis: Redis, transactional_db: None) -> AsyncIterator[Rig]:
    async with rigged(redis) as rig:
        yield rig


def client(rig: Rig) -> ChatApp:
    return ChatApp(rig.calls, rig.store(), Limiter(rig.redis, rate_per_s=1000))


async def listed() -> list[str]:
    return await in_orm(
        lambda: [line.licence_id for line in Line.objects.filter(is_listed=True)]
    )


async def test_without_an_account_nothing_is_fetched(rig: Rig) -> None:
    await ensure_lines(client(rig))
    assert rig.calls.log_ins == 0


async def test_after_the_connection_the_lines_are_there(
    rig: Rig, settings: Settings
) -> None:
    settings.CHATAPP_IS_SANDBOX = True
    await rig.connected()
    await ensure_lines(client(rig))
    assert await listed() == ["50001", "50002", "50002", "50003"]
    assert await in_orm(chosen) == ["50001"]


async def test_they_are_fetched_anew_only_when_they_are_old(rig: Rig) -> None:
    await rig.connected()
    await ensure_lines(client(rig))
    await in_orm(Line.objects.all().delete)
    await ensure_lines(client(rig))
    assert await listed() == []
    old = rig.clock() - timedelta(hours=2)
    await in_orm(partial(Account.objects.update, lines_fetched_at=old))
    await ensure_lines(client(rig))
    assert len(await listed()) == 4


async def test_a_new_connection_fetches_them_at_once(rig: Rig) -> None:
    store = await rig.connected()
    await ensure_lines(client(rig))
    await in_orm(Line.objects.all().delete)
    await store.connect(
        email="anna@example.com", password="right", app_id="app_1", by="anna"
    )
    await ensure_lines(client(rig))
    assert len(await listed()) == 4


async def test_a_failure_is_logged_and_leaves_the_lines(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.connected()
    rig.sandbox.knobs.set(
        Kind.REFUSE, on=Endpoint.LICENSES, status=400, code="ApiSomethingError"
    )
    with caplog.at_level(logging.WARNING):
        await ensure_lines(client(rig))
    assert "ApiSomethingError" in caplog.text
    assert await listed() == []


async def test_licences_without_optional_fields_are_usable(rig: Rig) -> None:
    await rig.connected()
    rig.sandbox.knobs.set(Kind.BARE_LICENSES, on=Endpoint.LICENSES)
    await ensure_lines(client(rig))
    found = await in_orm(lines.all_lines)
    assert [why_unusable(line, NOW) for line in found] == [None] * 4
