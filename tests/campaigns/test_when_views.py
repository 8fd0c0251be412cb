from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from redis.asyncio import Redis

from asgi_app.database import in_orm
from campaigns.models import Campaign, LineRules, Message, SliceMember
from campaigns.states import CampaignStatus, MessageStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, fresh, hidden, press_start, rings, words


def typed(days: float) -> str:
    """A moment so far off, as a browser sends it."""
    at = timezone.localtime(timezone.now() + timedelta(days=days))
    return f"{at:%Y-%m-%dT%H:%M}"


async def told(campaign: Campaign, **changes: Any) -> None:
    await in_orm(lambda: Campaign.objects.filter(pk=campaign.pk).update(**changes))


async def test_a_draft_is_timed_and_the_page_before_the_start_says_so(
    site: Site, line: Line, redis: Redis
) -> None:
    draft = await in_orm(lists.draft, line, 40)
    form = {"when": "at", "start_at": typed(1), "use_until": typed(2)}
    page = await site.post(f"/campaigns/{draft.pk}/when/", slice_size="20", **form)
    assert page.headers["Location"] == f"/campaigns/{draft.pk}/confirm/"
    confirm = words(await site.get(f"/campaigns/{draft.pk}/confirm/"))
    assert "to 20 chosen at random; the others wait for you" in confirm
    assert "by itself" in confirm
    assert "Send to 20 of 40 first at" in confirm
    await press_start(site, draft)
    started = await fresh(draft)
    assert started.status == CampaignStatus.SCHEDULED
    assert await in_orm(SliceMember.objects.count) == 20
    shown = words(await site.get(f"/campaigns/{draft.pk}/"))
    assert "It starts by itself" in shown
    assert "If you continue now" not in shown
    assert "Start now" in shown
    await site.post(f"/campaigns/{draft.pk}/start-now/")
    assert (await fresh(draft)).status == CampaignStatus.RUNNING
    assert any(
        job.startswith(f"deliver:{line.pk}:clicked") for job in await rings(redis)
    )


async def test_the_log_names_what_was_timed(site: Site, line: Line) -> None:
    draft = await in_orm(lists.draft, line, 10)
    address = f"/campaigns/{draft.pk}/when/"
    later = typed(2)
    await site.post(address, when="now", slice_size="2")
    await site.post(address, when="now", slice_size="2", use_until=later)
    await site.post(address, when="at", start_at=typed(1), use_until=later)
    actions = await in_orm(
        lambda: list(draft.actions.values_list("verb", "count").order_by("pk"))
    )
    assert actions == [
        ("created", None),
        ("sliced", 2),
        ("end_timed", None),
        ("start_timed", None),
        ("sliced", None),
    ]
    said = words(await site.get(f"/campaigns/{draft.pk}/"))
    assert "changed how many get it first (2)" in said
    assert "changed when it starts" in said


async def test_the_button_says_that_some_get_it_first(site: Site, line: Line) -> None:
    draft = await in_orm(lists.draft, line, 10)
    confirm = f"/campaigns/{draft.pk}/confirm/"
    await told(draft, slice_size=2)
    assert "Send to 2 of 10 first" in words(await site.get(confirm))
    # All get it at once where no others are left.
    await told(draft, slice_size=10)
    said = words(await site.get(confirm))
    assert "Send to 10 people" in said and "to all at once" in said


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("start_at", typed(-1), "This moment has passed."),
        ("start_at", "", "Please give the date and the time."),
        ("start_at", "next Friday", "Please give a date and a time"),
        ("use_until", typed(0.5), "This is before the start, or over already."),
        ("slice_size", "40", "There are only 40 on the list."),
        ("slice_size", "0", "greater than or equal to 1"),
        ("slice_size", "some", "Please type a whole number"),
    ],
)
async def test_what_is_wrong_comes_back_with_what_was_typed(
    site: Site, line: Line, field: str, value: str, said: str
) -> None:
    draft = await in_orm(lists.draft, line, 40)
    form = {"when": "at", "start_at": typed(1), "use_until": "", "slice_size": ""}
    page = await site.post(f"/campaigns/{draft.pk}/when/", **form | {field: value})
    assert page.status_code == 422
    assert said in words(page)
    assert not value or f'value="{value}"' in page.text
    assert (await fresh(draft)).start_at is None


async def test_a_text_that_says_today_proposes_to_let_it_expire(
    site: Site, line: Line
) -> None:
    draft = await in_orm(lists.draft, line, 3, text="Только сегодня!")
    page = await site.get(f"/campaigns/{draft.pk}/confirm/")
    assert "The text says “сегодня”." in words(page)
    form = await site.get(f"/campaigns/{draft.pk}/when/")
    assert "Filled in because the text says “сегодня”." in words(form)
    today = timezone.localdate()
    proposed = f"{today:%Y-%m-%d}T23:59"
    assert f'name="use_until" value="{proposed}"' in page.text
    await site.post(f"/campaigns/{draft.pk}/when/", when="now", use_until=proposed)
    kept = await fresh(draft)
    assert kept.use_until is not None
    assert timezone.localtime(kept.use_until).strftime("%H:%M") == "23:59"
    assert "The text says" not in words(
        await site.get(f"/campaigns/{draft.pk}/confirm/")
    )


async def test_what_will_be_left_at_the_last_moment_is_told_before(
    site: Site, line: Line
) -> None:
    draft = await in_orm(lists.draft, line, 500)
    await told(draft, use_until=timezone.now() + timedelta(minutes=55))
    page = words(await site.get(f"/campaigns/{draft.pk}/confirm/"))
    assert "About 380 will still be waiting" in page


async def test_what_runs_keeps_only_its_last_moment(site: Site, line: Line) -> None:
    running = await in_orm(lists.running, line, 5)
    form = await site.get(f"/campaigns/{running.pk}/when/")
    assert 'name="start_at"' not in form.text
    await site.post(f"/campaigns/{running.pk}/when/", use_until=typed(1))
    assert (await fresh(running)).use_until is not None
    shown = words(await site.get(f"/campaigns/{running.pk}/"))
    assert "what is still waiting then expires" in shown


async def test_what_was_of_no_use_any_more_is_not_revived(
    site: Site, line: Line
) -> None:
    running = await in_orm(lists.running, line, 5)
    await told(running, use_until=timezone.now() - timedelta(minutes=1))
    address = f"/campaigns/{running.pk}/when/"
    assert address not in (await site.get(f"/campaigns/{running.pk}/")).text
    page = await site.post(address, use_until=typed(1))
    assert page.status_code == 409
    assert "To send it all the same, copy the campaign." in words(page)


async def test_what_is_scheduled_is_not_over_before_it_starts(
    site: Site, line: Line
) -> None:
    scheduled = await in_orm(lists.running, line, 5)
    start_at = timezone.now() + timedelta(days=1)
    await told(scheduled, status=CampaignStatus.SCHEDULED, start_at=start_at)
    address = f"/campaigns/{scheduled.pk}/when/"
    page = await site.post(address, use_until=typed(0.5))
    assert page.status_code == 422
    assert "This is before the start, or over already." in words(page)
    assert (await site.post(address, use_until=typed(2))).status_code == 302


async def test_the_page_of_a_slice_tells_its_shares_and_asks_once(
    site: Site, line: Line
) -> None:
    draft = await in_orm(lists.draft, line, 100)
    await told(draft, slice_size=20)
    await press_start(site, draft)
    page = words(await site.get(f"/campaigns/{draft.pk}/slice/"))
    assert "20 were chosen at random to get it first" in page

    def settle() -> None:
        members = list(SliceMember.objects.values_list("message_id", flat=True))
        rows = Message.objects.filter(pk__in=members)
        rows.filter(pk__in=members[:17]).update(status=MessageStatus.DELIVERED)
        rows.filter(pk__in=members[17:]).update(status=MessageStatus.SENT)
        Campaign.objects.update(waiting=80, delivered=17, sent=3)

    await in_orm(settle)
    page = words(await site.get(f"/campaigns/{draft.pk}/slice/"))
    assert "20 were chosen at random and got it first" in page
    assert "17–20 of 20: 64–100 %" in page
    assert "Of 3 nobody knows yet" in page
    assert "Continue: send to 80 more" in page
    shown = words(await site.get(f"/campaigns/{draft.pk}/"))
    assert "80 others wait for you to continue or stop." in shown
    done = await site.post(f"/campaigns/{draft.pk}/continue/")
    assert done.status_code == 302
    assert not (await fresh(draft)).slice_is_open
    again = await site.post(f"/campaigns/{draft.pk}/continue/")
    assert again.status_code == 409
    assert "Continued: the others get it too." in words(
        await site.get(f"/campaigns/{draft.pk}/slice/")
    )


async def test_without_a_slice_there_is_no_page_of_it(site: Site, line: Line) -> None:
    running = await in_orm(lists.running, line, 5)
    assert (await site.get(f"/campaigns/{running.pk}/slice/")).status_code == 404
    assert (await site.get("/campaigns/999999/slice/")).status_code == 404
    assert (await site.get("/campaigns/999999/when/")).status_code == 404
    for action in ("start-now", "unschedule", "continue"):
        assert (await site.post(f"/campaigns/999999/{action}/")).status_code == 404
        assert (await site.get(f"/campaigns/999999/{action}/")).status_code == 405
    assert await in_orm(LineRules.objects.count) == 0


@pytest.mark.parametrize(
    "timing", [{"use_until": typed(1)}, {"slice_size": "5"}, {"start_at": typed(1)}]
)
async def test_what_was_timed_since_it_was_shown_is_asked_again(
    site: Site, line: Line, timing: dict[str, str]
) -> None:
    draft = await in_orm(lists.draft, line, 40)
    shown = hidden(await site.get(f"/campaigns/{draft.pk}/confirm/"))
    when = {"when": "at" if "start_at" in timing else "now", **timing}
    await site.post(f"/campaigns/{draft.pk}/when/", **when)
    page = await site.post(f"/campaigns/{draft.pk}/start/", **shown)
    assert page.status_code == 409
    assert "not what you were shown" in words(page)
    assert (await fresh(draft)).status == CampaignStatus.DRAFT
