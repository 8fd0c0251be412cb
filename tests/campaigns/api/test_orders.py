from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from redis.asyncio import Redis

from asgi_app.database import in_orm
from campaigns.models import Campaign, Message
from campaigns.states import CampaignStatus
from campaigns.stops import add_to_stop_list
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.api.caller import Caller
from tests.campaigns.browser import change, fresh, rings


async def test_a_draft_is_looked_at_and_started(
    api: Caller, line: Line, redis: Redis
) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    look = await api.get(f"/campaigns/{campaign.pk}/look")
    assert look["can_start"] and look["fault"] is None
    assert look["texts"] == [{"phone": "+79990000000", "text": "Hello 👋"}]
    assert look["waiting"] == look["strangers"] == 2
    told = await api.post(f"/campaigns/{campaign.pk}/start", {"seal": look["seal"]})
    assert told["state"] == CampaignStatus.RUNNING
    assert told["started_at"]
    assert any(ring.startswith(f"deliver:{line.pk}:") for ring in await rings(redis))
    await api.refused("GET", f"/campaigns/{campaign.pk}/look", "not_possible_now")


async def test_what_has_changed_since_the_look_is_not_started(
    api: Caller, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    path = f"/campaigns/{campaign.pk}"
    look = await api.get(f"{path}/look")
    await api.ask("PATCH", path, json={"text": "Other"})
    seal = {"seal": look["seal"]}
    await api.refused("POST", f"{path}/start", "changed_since_shown", json=seal)
    assert (await fresh(campaign)).status == CampaignStatus.DRAFT


async def test_a_text_that_cannot_be_sent_is_not_started(
    api: Caller, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 2, text="{name}!")
    path = f"/campaigns/{campaign.pk}"
    look = await api.get(f"{path}/look")
    assert not look["can_start"] and "name" in look["fault"]
    await change(campaign, text="{name")
    await api.refused("POST", f"{path}/start", "text_cannot_be_sent", json={})


async def test_an_empty_list_is_neither_looked_at_nor_started(
    api: Caller, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 0)
    path = f"/campaigns/{campaign.pk}"
    await api.refused("GET", f"{path}/look", "nobody_to_send_to")
    await api.refused("POST", f"{path}/start", "nobody_to_send_to", json={})


async def test_pause_resume_and_cancel(api: Caller, line: Line) -> None:
    campaign = await in_orm(lists.running, line, 2)
    path = f"/campaigns/{campaign.pk}"
    assert (await api.post(f"{path}/pause"))["state"] == "paused"
    await api.refused("POST", f"{path}/pause", "not_possible_now", json={})
    assert (await api.post(f"{path}/resume"))["state"] == "running"
    told = await api.post(f"{path}/cancel")
    assert told["state"] == "cancelled"
    assert told["counts"]["cancelled"] == 2
    assert [it["verb"] for it in told["actions"]][-3:] == [
        "paused",
        "resumed",
        "cancelled",
    ]


async def test_a_draft_is_timed_scheduled_and_made_a_draft_again(
    api: Caller, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    path = f"/campaigns/{campaign.pk}"
    at = timezone.now() + timedelta(hours=2)
    answer = await api.ask("PUT", f"{path}/timing", json={"start_at": at.isoformat()})
    assert answer.status_code == 200, answer.text
    assert (await api.post(f"{path}/start"))["state"] == "scheduled"
    told = await api.post(f"{path}/unschedule")
    assert (told["state"], told["start_at"]) == ("draft", None)


async def test_what_is_scheduled_is_started_now(api: Caller, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    path = f"/campaigns/{campaign.pk}"
    at = (timezone.now() + timedelta(hours=2)).isoformat()
    await api.ask("PUT", f"{path}/timing", json={"start_at": at})
    await api.post(f"{path}/start")
    assert (await api.post(f"{path}/start-now"))["state"] == "running"


async def test_a_slice_goes_first_and_the_others_when_it_is_said(
    api: Caller, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 3)
    path = f"/campaigns/{campaign.pk}"
    await api.ask("PUT", f"{path}/timing", json={"slice_size": 1})
    assert (await api.post(f"{path}/start"))["slice_is_open"]
    assert not (await api.post(f"{path}/continue"))["slice_is_open"]
    await api.refused("POST", f"{path}/continue", "not_possible_now", json={})


@pytest.mark.parametrize(
    ("timing", "code"),
    [
        ({"start_at": "2020-01-01T00:00:00Z"}, "start_is_over"),
        ({"use_until": "2020-01-01T00:00:00Z"}, "of_no_use_any_more"),
        (
            {"start_at": "2030-01-01T00:00:00Z", "use_until": "2029-01-01T00:00:00Z"},
            "ends_before_start",
        ),
        ({"start_at": "2030-01-01T00:00:00"}, "invalid"),  # whose time?
        ({"start_at": "0001-01-01T00:00:00+14:00"}, "invalid"),
        ({"start_at": "9999-12-31T23:59:59-14:00"}, "invalid"),
        ({"slice_size": 0}, "invalid"),
    ],
)
async def test_a_time_that_cannot_be_is_refused(
    api: Caller, line: Line, timing: dict[str, Any], code: str
) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    await api.refused("PUT", f"/campaigns/{campaign.pk}/timing", code, json=timing)


async def test_a_text_is_tried_on_one_phone(
    api: Caller, line: Line, redis: Redis
) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    path = f"/campaigns/{campaign.pk}/trial"
    made = await api.post(path, {"phone": "8 999 111 22 33"}, expected=201)
    trial = await in_orm(Campaign.objects.get, pk=made["id"])
    assert trial.trial_of_id == campaign.pk
    message = await in_orm(Message.objects.get, campaign=trial)
    assert message.phone == "+79991112233"
    assert await rings(redis)
    look = await api.get(f"/campaigns/{campaign.pk}/look")
    assert [it["phone"] for it in look["trials"]] == ["+79991112233"]


async def test_a_trial_goes_to_no_stopped_phone_and_to_no_words(
    api: Caller, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    path = f"/campaigns/{campaign.pk}/trial"
    stopped = ["+79991112233"]
    await in_orm(add_to_stop_list, phones=stopped, operator="anna", reason="")
    await api.refused("POST", path, "on_stop_list", json={"phone": stopped[0]})
    problem = await api.refused("POST", path, "invalid", json={"phone": "me"})
    assert problem["errors"][0]["field"] == "phone"
