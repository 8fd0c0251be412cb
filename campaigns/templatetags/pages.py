"""Small words and shapes that the pages' templates share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from asgi_app import moments
from campaigns import (
    assets,
    charts,
    collapse_words,
    explanations,
    rules_words,
    silence_words,
    wording,
)
from campaigns.collapse import Evidence
from campaigns.hindrance_words import in_words
from campaigns.hindrances import Hindrance
from campaigns.line_pages import LinePage
from campaigns.message_selectors import PutBack, Trouble
from campaigns.models import Campaign
from campaigns.pacing import Duration
from campaigns.refusal_words import fault_in_words
from campaigns.rules import Rules, Tally
from campaigns.silence import Silence

register = template.Library()
register.filter(fault_in_words)


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
def ladder(campaign: Campaign) -> list[tuple[str, int]]:
    """The steps that a message climbs, all of them, the lowest first."""
    return [(str(status), getattr(campaign, status)) for status in wording.CLIMB]


@register.simple_tag
def beside_ladder(campaign: Campaign) -> list[tuple[str, int]]:
    """What is not a step of the ladder, where it is worth naming."""
    counts = [(str(status), getattr(campaign, status)) for status in wording.BESIDE]
    return [(s, count) for s, count in counts if count or s in wording.ALWAYS_NAMED]


@register.inclusion_tag("campaigns/_bar.html")
def bar(campaign: Campaign) -> dict[str, object]:
    """A campaign's messages by status, as one stacked bar."""
    parts = [(str(s), getattr(campaign, s)) for s in wording.IN_BAR]
    return {
        "segments": charts.stack(parts, width=600, least=6, gap=2),
        "words": wording.parts(parts),
    }


@register.filter
def done(campaign: Campaign) -> int:
    """Messages that were sent, or at least tried."""
    return campaign.answered - campaign.cancelled - campaign.expired


@register.filter
def moment(at: datetime) -> SafeString:
    """A time to the second, in the zone of the setting TIME_ZONE."""
    return _time(at, moments.in_full(at))


@register.filter
def clock_words(at: datetime) -> str:
    """The same without a tag of its own, for the texts of charts."""
    return moments.in_short(at)


@register.filter
def status(value: str) -> str:
    return str(wording.MESSAGES[value])


@register.filter
def sentence(hindrance: Hindrance) -> str:
    """Why nothing is sent now."""
    return in_words(hindrance)


@register.filter
def per_step(step: timedelta) -> str:
    """What a bucket of a chart is, as in "at most 4 …"."""
    return str(wording.STEPS[step])


@register.filter
def clock_time(at: datetime) -> SafeString:
    """The time of day, with the date unless it is today."""
    return _time(at, moments.in_short(at))


@register.filter
def silence(found: Silence) -> str:
    """When the last status came, and how often one is expected."""
    return silence_words.sentence(found)


@register.filter
def cause(found: Silence) -> str:
    return silence_words.cause(found)


@register.filter
def evidence(found: Evidence) -> str:
    """Of how many messages how few were delivered."""
    return collapse_words.said(found)


@register.filter
def hours(rules: Rules) -> str:
    return rules_words.hours(rules)


@register.filter
def rules_in_short(rules: Rules) -> str:
    return rules_words.in_short(rules)


@register.simple_tag
def verdict(page: LinePage) -> str:
    """Whether the line may send now, and if not, why and until when."""
    return rules_words.verdict(
        page.rules,
        page.tally,
        page.around.now,
        page.zones,
        is_stopped=page.clock is not None and page.clock.stopped_at is not None,
        is_kept=page.is_kept,
    )


@register.simple_tag
def tallied(rules: Rules, tally: Tally, now: datetime) -> list[str]:
    return rules_words.tallied(rules, tally, now)


@register.simple_tag
def warming(rules: Rules, tally: Tally, now: datetime) -> str:
    """The step of a line's warm-up, and why."""
    return rules_words.warming(rules, tally, now)


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


@register.filter
def told(reason: str) -> str:
    """The text that came with a code."""
    return collapse_words.told(reason)


@register.filter
def are_facts(reason: str) -> bool:
    """Whether a stopped line's reason is one that its sentence tells already."""
    return bool(collapse_words.facts(reason))


@register.filter
def tell_of(troubles: Iterable[Trouble | PutBack], line_id: int) -> bool:
    """Whether the top of the page says already why a line stands still."""
    return any(line_id in trouble.line_ids for trouble in troubles or ())


def _time(at: datetime, said: str) -> SafeString:
    machine = timezone.localtime(at).isoformat()
    # Neither has anything in it that people wrote.
    return mark_safe(f'<time datetime="{machine}">{said}</time>')


@lru_cache(maxsize=256)
def _badge(shape: str, said: str) -> SafeString:
    return format_html('<span class="badge is-{}">{}</span>', shape, said)
