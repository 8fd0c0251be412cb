"""The pages that protect a line, in Russian."""

from __future__ import annotations

from datetime import timedelta

from asgi_app.database import in_orm, orm_now
from campaigns.collapse import Evidence
from campaigns.ledger.brake import DELIVERY_COLLAPSED
from campaigns.models import (
    Campaign,
    LineClock,
    LineRules,
    LineSpell,
    Message,
    MinuteCount,
    SliceMember,
    WorkerBeat,
)
from campaigns.states import CampaignStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, words
from tests.campaigns.russian import english, language, russian
from tests.campaigns.test_russian_desk import no_english

__all__ = ["language", "russian"]

BUSY = {
    "windows": [[["09:00", "18:00"]]] * 5 + [[], []],
    "days_off": ["2035-01-01"],
    "hour_cap": 40,
    "day_cap": 100,
    "warm_up": [20, 50],
}


async def test_rules_calendar_and_silence_are_shown_in_russian(
    russian: Site, line: Line, worker: WorkerBeat
) -> None:
    campaign = await in_orm(lists.running, line, 90)
    draft = await in_orm(lists.draft, line, 30, start=500, text="Только сегодня!")
    later = await in_orm(lists.draft, line, 5, start=900)

    def happen() -> None:
        now = orm_now()
        LineRules.objects.create(line=line, **BUSY)
        Campaign.objects.filter(pk=later.pk).update(
            status=CampaignStatus.SCHEDULED, start_at=now + timedelta(minutes=5)
        )
        Campaign.objects.filter(pk=campaign.pk).update(served_at=now)
        for minutes in (25, 5):
            at = now - timedelta(minutes=minutes)
            MinuteCount.objects.create(
                campaign=campaign, kind="sent", minute=at, count=9
            )
        for number, kind in enumerate(("paused", "held_back", "sending", "day_cap")):
            LineSpell.objects.create(
                line=line,
                kind=kind,
                since=now - timedelta(minutes=200 - 20 * number),
                until=now - timedelta(minutes=190 - 20 * number),
            )

    await in_orm(happen)
    today = (await in_orm(orm_now)).date()
    at = f"/lines/{line.pk}/"
    await no_english(
        russian,
        *(at, "/lines/", f"{at}rules/", f"{at}calendar/", f"{at}calendar/{today}/"),
        *(f"/campaigns/{draft.pk}/{page}/" for page in ("confirm", "when", "calendar")),
        *(
            f"/campaigns/{draft.pk}/edit/?variants=yes",
            f"/campaigns/{draft.pk}/lately/",
        ),
        *(f"/campaigns/{later.pk}/", f"/campaigns/{campaign.pk}/", "/queue/"),
    )
    wrong = {"when": "these", "day-0": "18-9", "days_off": "x", "warm_up": "x"}
    refused = await russian.post(f"{at}rules/", hour_cap="0", day_cap="x", **wrong)
    assert english(refused) == set()
    timing = {"when": "at", "start_at": "x", "use_until": "x", "slice_size": "99"}
    refused = await russian.post(f"/campaigns/{draft.pk}/when/", **timing)
    assert english(refused) == set()


async def test_a_day_of_the_calendar_has_its_month_in_the_genitive(
    russian: Site, line: Line
) -> None:
    day = f"/lines/{line.pk}/calendar/2026-11-27/"
    assert "Пятница, 27 ноября 2026" in words(await russian.get(day))
    russian.http.cookies.set("language", "en")
    assert "Friday, 27 November 2026" in words(await russian.get(day))


async def test_a_slice_and_a_stopped_line_are_shown_in_russian(
    russian: Site, line: Line, worker: WorkerBeat
) -> None:
    campaign = await in_orm(lists.running, line, 9)

    def happen() -> None:
        first = list(Message.objects.filter(campaign=campaign)[:3])
        for status, message in zip(("delivered", "read", "sent"), first, strict=True):
            Message.objects.filter(pk=message.pk).update(status=status)
            SliceMember.objects.create(campaign=campaign, message=message)
        Campaign.objects.filter(pk=campaign.pk).update(
            waiting=6, delivered=1, read=1, sent=1, slice_size=3, slice_is_open=True
        )

    await in_orm(happen)
    page = f"/campaigns/{campaign.pk}/"
    await no_english(russian, f"{page}slice/", page, "/")

    def stop() -> None:
        Campaign.objects.update(slice_is_open=False)
        LineClock.objects.update(
            stopped_at=orm_now(),
            stopped_code=DELIVERY_COLLAPSED,
            stopped_reason=Evidence(3, 20, 90, 100).write(),
        )

    await in_orm(stop)
    test = f"/lines/{line.pk}/test/"
    await no_english(russian, f"{page}slice/", page, f"/lines/{line.pk}/", test)
    refused = await russian.post(test, phone="12", text="")
    assert english(refused) == set()
