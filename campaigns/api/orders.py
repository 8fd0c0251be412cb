"""What is ordered of a campaign: its start, its times, its pauses and its end."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from ninja import Router
from pydantic import Field

from asgi_app.middleware import operator_of
from campaigns import services, timing, trials
from campaigns.api.campaign_shapes import CampaignName, CampaignShape
from campaigns.api.faults import refuse_unless_valid
from campaigns.api.once import Done, once
from campaigns.api.reading import read_campaign
from campaigns.api.shapes import Id, Moment, Order, Phone
from campaigns.models import Campaign
from campaigns.timing import Timing
from campaigns.trial_forms import TrialForm
from campaigns.when_forms import MOST_IN_SLICE

router = Router(tags=["orders"])


class StartOrder(Order):
    """With the `seal` of a look it starts only what was looked at."""

    seal: str | None = None


class TimingOrder(Order):
    """When a draft starts by itself, until when it is of use, and who gets it first.

    Null: at once, for ever, everybody. Of what was started only `use_until` counts.
    """

    start_at: Moment | None = None
    use_until: Moment | None = None
    slice_size: Annotated[int, Field(strict=True, ge=1, le=MOST_IN_SLICE)] | None = None


class TrialOrder(Order):
    phone: Phone


@router.post("/{campaign_id}/start", response=CampaignShape, summary="Start it")
async def start_campaign(
    request: HttpRequest, campaign_id: Id, order: StartOrder
) -> HttpResponse:
    """Starts a draft, or lets it wait for its time."""

    def start() -> Done:
        line_id = services.start_campaign(
            campaign_id=campaign_id, operator=operator_of(request), seal=order.seal
        )
        return Done(read_campaign(campaign_id), line_id=line_id)

    return await once(request, start)


@router.put("/{campaign_id}/timing", response=CampaignShape, summary="Time it")
async def time_campaign(
    request: HttpRequest, campaign_id: Id, order: TimingOrder
) -> HttpResponse:
    def keep() -> Done:
        timing.set_timing(
            campaign_id=campaign_id,
            timing=Timing(order.start_at, order.use_until, order.slice_size),
            operator=operator_of(request),
        )
        return Done(read_campaign(campaign_id))

    return await once(request, keep)


@router.post("/{campaign_id}/trial", response={201: CampaignName}, summary="Try it")
async def try_campaign(
    request: HttpRequest, campaign_id: Id, order: TrialOrder
) -> HttpResponse:
    """Sends the text of a draft to one phone, in a campaign of its own."""

    def begin() -> Done:
        data = QueryDict(mutable=True)
        data["phone"] = order.phone
        form = TrialForm(data, region=settings.PHONE_REGION)
        refuse_unless_valid(form)
        line_id = trials.start_trial(
            campaign_id=campaign_id,
            phone=form.cleaned_data["phone"],
            operator=operator_of(request),
            key="",
        )
        trial = Campaign.objects.filter(trial_of=campaign_id).order_by("-pk")[0]
        place = f"/api/campaigns/{trial.pk}"
        return Done(CampaignName.of(trial), 201, place=place, line_id=line_id)

    return await once(request, begin)


def _add(
    verb: str, service: Callable[..., int | None], summary: str, about: str
) -> None:
    """Adds the address of an order that says everything by its name."""

    async def order(request: HttpRequest, campaign_id: Id) -> HttpResponse:
        def do() -> Done:
            line_id = service(campaign_id=campaign_id, operator=operator_of(request))
            return Done(read_campaign(campaign_id), line_id=line_id)

        return await once(request, do)

    view: Callable[..., Coroutine[Any, Any, HttpResponse]] = order
    view.__name__ = f"{verb.replace('-', '_')}_campaign"
    router.post(
        f"/{{campaign_id}}/{verb}",
        response=CampaignShape,
        summary=summary,
        description=about,
    )(view)


_add(
    "start-now",
    timing.start_now,
    "Start it now",
    "Starts at once what was to start by itself.",
)
_add(
    "unschedule",
    timing.unschedule,
    "Unschedule it",
    "Makes a draft again of what was to start by itself.",
)
_add(
    "continue",
    timing.continue_campaign,
    "Go on behind the slice",
    "Lets the others have what a trial slice has had.",
)
_add(
    "pause",
    services.pause_campaign,
    "Pause it",
    "Once this has answered, nothing more of it is claimed.",
)
_add("resume", services.resume_campaign, "Resume it", "Goes on with what waits.")
_add(
    "cancel",
    services.cancel_campaign,
    "Cancel it",
    "For good: what waits is never sent.",
)
