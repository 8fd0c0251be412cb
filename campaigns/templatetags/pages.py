"""Small words and shapes that the pages' templates share."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns import assets, explanations, wording
from campaigns.models import Campaign
from campaigns.pacing import Duration

register = template.Library()


@register.simple_tag
def asset(name: str) -> str:
    """The address of the style sheet or the icon."""
    return assets.address(name)


@register.simple_tag
def campaign_badge(campaign: Campaign) -> SafeString:
    return _badge(campaign.state, str(wording.CAMPAIGNS[campaign.state]))


@register.simple_tag
def message_badge(status: str) -> SafeString:
    return _badge(status, str(wording.MESSAGES[status]))


@register.simple_tag
def counters(campaign: Campaign) -> list[tuple[str, int]]:
    """The statuses that are worth naming, with how many messages have them."""
    counts = [(status, getattr(campaign, status)) for status in wording.LADDER]
    return [(s, count) for s, count in counts if count or s in wording.ALWAYS_NAMED]


@register.filter
def done(campaign: Campaign) -> int:
    """Messages that were sent, or at least tried."""
    return campaign.answered - campaign.cancelled - campaign.expired


@register.filter
def moment(at: datetime) -> SafeString:
    """A time to the second, in the zone of the setting TIME_ZONE."""
    local = timezone.localtime(at)
    words = f"{date_format(local, 'j M Y')}, {date_format(local, 'H:i:s')}"
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), words)


@register.filter
def clock_time(at: datetime) -> SafeString:
    """The time of day, with the date unless it is today."""
    local = timezone.localtime(at)
    shape = "H:i:s" if local.date() == timezone.localdate() else "j M, H:i:s"
    return format_html(
        '<time datetime="{}">{}</time>', local.isoformat(), date_format(local, shape)
    )


@register.filter
def lasting(duration: Duration) -> str:
    return wording.duration(duration)


@register.filter
def pacing(value: str) -> str:
    return str(wording.PACINGS[value])


@register.filter
def verb(value: str) -> str:
    return str(wording.VERBS.get(value, value))


@register.filter
def event(kind: str) -> str:
    return str(wording.EVENTS.get(kind, kind))


@register.filter
def reason(value: str) -> str:
    return str(wording.REASONS.get(value, value))


@register.filter
def explain(code: str) -> str:
    return explanations.explain(code)


def _badge(shape: str, words: str) -> SafeString:
    return format_html('<span class="badge is-{}">{}</span>', shape, words)
