"""The operator's desk in Russian."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import translation
from redis.asyncio import Redis

from asgi_app.database import in_orm, orm_now
from campaigns import results
from campaigns.hindrance_words import in_words
from campaigns.hindrances import Hindrance, Kind
from campaigns.history import EventKind
from campaigns.models import (
    Event,
    FailedJob,
    LineClock,
    Message,
    MinuteCount,
    ShelvedStatus,
    StopEntry,
    Upload,
    WorkerBeat,
)
from campaigns.states import UploadState
from chatapp.models import Line
from tests.campaigns.browser import Site, change, form, hidden, words
from tests.campaigns.lists import draft, due, running
from tests.campaigns.russian import english, language, latin, russian
from tests.campaigns.test_imports import importing

__all__ = ["language", "russian"]

PHONE = "+79990000000"


async def no_english(site: Site, *paths: str) -> None:
    for path in paths:
        response = await site.get(path)
        assert response.status_code == 200, path
        assert '<html lang="ru">' in response.text, path
        assert english(response) == set(), path


async def test_lines_and_phones_are_shown_in_russian(
    russian: Site, line: Line, worker: WorkerBeat
) -> None:
    first = await in_orm(running, line, 3)
    second = await in_orm(running, line, 2, start=10)
    paused = await in_orm(running, line, 1, start=20)
    ended = await in_orm(running, line, 1, start=30)
    await change(paused, status="paused")
    await change(ended, waiting=0, read=1)
    now = await in_orm(orm_now)

    def happen() -> None:
        LineClock.objects.update(next_at=now + timedelta(minutes=1), pause_ms=31_400)
        MinuteCount.objects.create(
            campaign=first, kind="sent", minute=now.replace(second=0), count=7
        )
        ShelvedStatus.objects.create(
            digest="1", message_id="m", kind="read", phone=PHONE, arrived_at=now
        )
        message = Message.objects.get(campaign=first, phone=PHONE)
        for kind in (EventKind.ACCEPTED, EventKind.DELIVERED, EventKind.FAILED):
            Event.objects.create(message=message, kind=kind, at=now, arrived_at=now)

    await in_orm(happen)
    phone = f"/phones/{PHONE.lstrip('+')}/"
    place = f"/campaigns/{first.pk}/search/"
    await no_english(
        russian,
        *("/", "/lines/", f"/lines/{line.pk}/", "/phones/", "/phones/?q=7999", phone),
        *(place, f"{place}?q=0001", f"{place}?q=5555", f"/campaigns/{second.pk}/"),
        f"/campaigns/{first.pk}/?sort=time",
    )
    await in_orm(StopEntry.objects.create, phone=PHONE, added_by="anna", reason="")
    await in_orm(
        LineClock.objects.update,
        stopped_at=now - timedelta(days=1),
        stopped_code="refused_in_a_row",
        held_code="not_reached",
    )
    await no_english(russian, phone, f"/lines/{line.pk}/", "/lines/")
    nothing = await russian.get("/phones/?q=nobody")
    assert nothing.status_code == 422
    assert english(nothing) - {"nobody"} == set()


async def test_the_stop_list_is_in_russian(russian: Site) -> None:
    now = await in_orm(orm_now)
    await in_orm(
        StopEntry.objects.create, phone=PHONE, added_at=now, added_by="", reason="стоп"
    )
    added = await russian.post("/stops/", phones="+79031234567\n+79990000000")
    await no_english(
        russian,
        *("/stops/", added.headers["Location"], f"/stops/?removed={PHONE}"),
        *("/stops/?phone=0000", "/stops/?phone=1111"),
    )
    for phones in ("", "abc\n8 800 555 35 35\n+79031234569"):
        wrong = await russian.post("/stops/", phones=phones)
        assert wrong.status_code == 422
        assert english(wrong) == set()
    page = words(await russian.get(added.headers["Location"]))
    assert "Добавлен 1 телефон. 1 уже был в списке." in page
    header = (await russian.get("/stops/export.csv")).text.splitlines()[0]
    assert "Когда добавлен" in header and latin(header) == set()


async def test_the_queue_is_in_russian(
    russian: Site, line: Line, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Рабочего процесса нет" in words(await russian.get("/queue/"))
    campaign = await in_orm(running, line, 2)
    now = await in_orm(orm_now)
    tally = {"ended": 3, "failed": 1, "last_at": now.isoformat()}

    def work() -> None:
        for name, ago_s in (("1", 0), ("2", 90)):
            WorkerBeat.objects.create(
                name=name,
                started_at=now - timedelta(hours=1),
                beat_at=now - timedelta(seconds=ago_s),
                jobs={"sweep": tally},
            )
        FailedJob.objects.create(at=now, job="deliver(1)", worker="1", error="–\n–")
        late = now - timedelta(minutes=3)
        due(line, late)
        LineClock.objects.update(held_code="not_reached")
        Message.objects.filter(campaign=campaign).update(
            status="claimed", claim_deadline=late
        )

    await in_orm(work)
    for after_s, name in ((-30, "a"), (-20, "b"), (30, "c")):
        job = f"deliver:{line.pk}:{name}"
        await redis.zadd("arq:queue", {job: (time.time() + after_s) * 1000})
        job_data = json.dumps({"f": "deliver", "a": [line.pk]})
        await redis.set(f"arq:job:{job}", job_data)
    await redis.set(f"arq:in-progress:deliver:{line.pk}:a", b"1")
    await no_english(russian, "/queue/")
    said = words(await russian.get("/queue/"))
    assert "Очередь опаздывает на 3 мин" in said
    assert "1 рабочий процесс на связи" in said
    assert "1 задание выполняется" in said


async def test_a_campaign_is_prepared_in_russian(russian: Site, line: Line) -> None:
    clients = "город;телефон\nТула;8 999 000 00 01\n;8 999 000 00 02\nПенза;8 999 01\n"
    clients += "Орёл;8 999 000 00 01\n"
    fields = form(line, phones="", text="Привет, {город}! [А|Б]")
    file = {"upload": ("a.csv", clients)}
    checked = await russian.post(
        "/campaigns/new/", **(fields | {"do": "check"}), files=file
    )
    assert english(checked) == set()
    saved = await russian.post("/campaigns/new/", **fields, files=file)
    page = saved.headers["Location"]
    await no_english(
        russian,
        *(page, f"{page}confirm/", f"{page}trial/", f"{page}copy/", f"{page}edit/"),
        *(f"{page}delete/", f"{page}cancel/", f"{page}receipt/"),
        *(f"{page}receipt/{reason}/" for reason in ("value_missing", "too_short")),
        *(f"{page}receipt/double/", f"{page}receipt/landline/"),
    )
    said = words(await russian.get(f"{page}receipt/"))
    assert "4 строки: в списке — 1, " in said
    header = (await russian.get(f"{page}receipt/all.csv")).text.splitlines()[0]
    assert latin(header) == set()
    trial_page = await russian.get(f"{page}trial/")
    tried = await russian.post(
        f"{page}trial/", **(hidden(trial_page) | {"phone": "+79031234567"})
    )
    assert tried.status_code == 302
    await no_english(russian, "/", f"{page}confirm/", f"{page}trial/")
    for place, typed in (
        ("trial/", {"phone": "abc"}),
        ("copy/", {"name": "", "whom": "unread"}),
        ("edit/", form(line, text="Привет, {town}! [А")),
        ("edit/", form(line, text="Привет, {имя}!")),
        ("delete/", {"name": "abc"}),
        ("start/", {"seal": "x"}),
    ):
        wrong = await russian.post(f"{page}{place}", **typed)
        assert wrong.status_code in {409, 422}, place
        assert english(wrong) - {"town"} == set(), place


async def test_a_list_that_comes_in_is_shown_in_russian(
    russian: Site, line: Line
) -> None:
    campaign = await in_orm(importing, line)
    await change(campaign, text="Привет, {имя}!")
    page = f"/campaigns/{campaign.pk}/"
    await no_english(russian, page)
    await in_orm(Upload.objects.update, state=UploadState.FAILED)
    await no_english(russian, page)


async def test_haste_and_a_late_campaign_are_told_in_russian(
    russian: Site, line: Line, worker: WorkerBeat
) -> None:
    line.messenger = "grWhatsApp"
    await in_orm(line.save)
    hasty = await in_orm(draft, line, 2)
    await change(hasty, pacing="each_on_its_own")
    late = await in_orm(running, line, 3, start=10)
    now = await in_orm(orm_now)
    await change(
        late, planned_end_at=now - timedelta(hours=3), planned_band_s=60, note="Да"
    )
    await no_english(russian, f"/campaigns/{hasty.pk}/confirm/")
    await no_english(russian, f"/campaigns/{late.pk}/", f"/campaigns/{late.pk}/edit/")
    assert "позже плана" in words(await russian.get(f"/campaigns/{late.pk}/"))


async def test_a_page_that_cannot_be_read_says_so_in_russian(
    russian: Site, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: object) -> None:
        raise OperationalError("Can't connect")

    campaign = await in_orm(running, line, 1)
    monkeypatch.setattr(results, "read_page", away)
    page = await russian.get(f"/campaigns/{campaign.pk}/")
    assert page.status_code == 503
    assert english(page) == set()
    assert "База данных не отвечает." in page.text


def test_every_hindrance_is_told_in_russian(line: Line) -> None:
    at = datetime.fromisoformat("2026-05-03T11:03:27+00:00")
    campaign = draft(line, 1)
    known: dict[str, Any] = {
        "since": at,
        "until": at,
        "by": "anna",
        "ahead": campaign,
        "silence": timedelta(minutes=2),
        "code": "not_reached",
    }
    with translation.override("ru"):
        for kind in Kind:
            said = in_words(Hindrance(kind, **known))
            assert said and latin(said) == set(), kind
        assert "3 мая, 14:03:27" in in_words(Hindrance(Kind.HELD_BACK, **known))
