"""A stop word that arrives in a callback puts its sender on the stop list."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from pytest_django import Settings

from asgi_app.database import Door, in_orm
from campaigns.hearing import heard
from campaigns.intake import Intake
from campaigns.ledger import Ledger
from campaigns.models import ShelvedStatus, StopEntry
from campaigns.spool import Spool
from campaigns.stops import add_to_stop_list
from chatapp.events import parse
from chatapp.sandbox import events
from chatapp.sandbox.licences import Line as SandboxLine
from chatapp.sandbox.record import Send
from tests.campaigns.browser import Site
from tests.campaigns.test_webhooks import call, secrets

__all__ = ["secrets"]
PHONE = "+79031234567"
LINE = SandboxLine("50001", "grWhatsApp")


def incoming(text: str, *, phone: str = "79031234567", **changed: Any) -> bytes:
    """A callback as the sandbox posts it when somebody writes to a line."""
    send = Send(
        seq=1,
        at=1_700_000_042.0,
        licence_id=LINE.licence_id,
        messenger=LINE.messenger,
        phone=phone,
        text=text,
        tracking="",
        message_id="in.1",
        accepted=False,
        answer="",
        side="in",
    )
    item = {**events.message_item(send), **changed}
    return json.dumps(events.envelope(LINE, events.MESSAGE, [item])).encode()


def chat(**changed: Any) -> dict[str, Any]:
    return {"id": "79031234567@c.us", "type": "private", "phone": "79031234567"} | (
        changed
    )


async def stopped() -> list[tuple[str, str, str]]:
    found = StopEntry.objects.order_by("phone")
    return await in_orm(lambda: list(found.values_list("phone", "added_by", "reason")))


async def test_a_stop_word_is_on_the_list_when_the_callback_is_answered(
    site: Site,
) -> None:
    assert (await call(site, incoming("Стоп!"))).status_code == 200
    assert await stopped() == [(PHONE, "", "СТОП")]
    page = await site.get("/stops/")
    assert "its owner" in page.text and "wrote “СТОП”" in page.text


async def test_the_same_callback_twice_adds_once(site: Site) -> None:
    await asyncio.gather(*(call(site, incoming("stop")) for _ in range(3)))
    await call(site, incoming("stop"))
    assert await stopped() == [(PHONE, "", "STOP")]


async def test_who_is_on_the_list_already_stays_as_he_came(site: Site) -> None:
    await in_orm(add_to_stop_list, phones=[PHONE], operator="anna", reason="asked")
    assert (await call(site, incoming("stop"))).status_code == 200
    assert await stopped() == [(PHONE, "anna", "asked")]


async def test_of_other_messages_nothing_is_stored(site: Site) -> None:
    assert (await call(site, incoming("Стоп, а сколько стоит?"))).status_code == 200
    assert await stopped() == []
    assert await in_orm(ShelvedStatus.objects.count) == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"side": "out", "fromMe": True},
        {"side": "", "fromMe": True},
        {"side": "in", "fromMe": True},
        {"chat": chat(type="group", id="79031234567-16@g.us")},
        {"chat": chat(phone=None, id="128736432@lid")},
        {"chat": chat(phone="12345")},
        {"chat": chat(phone="9" * 18)},
        {"chat": None},
    ],
)
def test_only_a_person_s_own_chat_with_a_phone_counts(changed: Any) -> None:
    told = heard(parse(incoming("stop", **changed)))
    assert told.stop_words == {}
    assert sum(told.counts.values()) == 1


@pytest.mark.parametrize("changed", [{}, {"chat": chat(type=None)}])
def test_a_chat_whose_kind_is_not_told_is_taken_for_a_person_s(changed: Any) -> None:
    assert heard(parse(incoming("stop", **changed))).stop_words == {PHONE: "STOP"}


def test_the_words_are_a_setting(settings: Settings) -> None:
    settings.STOP_WORDS = ["хватит"]
    assert heard(parse(incoming("Хватит."))).stop_words == {PHONE: "хватит"}
    assert heard(parse(incoming("stop"))).stop_words == {}


async def test_a_stop_word_that_was_spooled_is_heeded_later(
    door: Door, ledger: Ledger, tmp_path: Any
) -> None:
    spool = Spool(tmp_path / "spool")
    spool.append(incoming("stop"))
    intake = Intake(ledger, spool, refused=Spool(tmp_path / "refused"))
    assert await intake.drain() == 1
    await intake.close()
    assert await stopped() == [(PHONE, "", "STOP")]
