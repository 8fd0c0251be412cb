"""Forecasts on the pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns import forecast_words, markup
from campaigns.forecast import Forecast

register = template.Library()


@register.filter
def ending(forecast: Forecast) -> SafeString:
    """The sentence that says when a campaign ends."""
    pattern = str(forecast_words.ENDINGS[forecast.condition])
    return format_html(pattern, when=end_time(forecast))


@register.filter
def end_time(forecast: Forecast) -> SafeString:
    words = forecast_words.when(forecast)
    return _time(forecast.ends_at, words)


@register.filter
def begin_time(forecast: Forecast) -> SafeString:
    return _time(forecast.begins_at, forecast_words.moment(forecast.begins_at))


@register.filter
def against_plan(forecast: Forecast) -> str:
    return forecast_words.against_plan(forecast)


@register.filter
def of(forecasts: Mapping[int, Forecast], campaign_id: int) -> Forecast | None:
    """The forecast of one campaign."""
    return forecasts.get(campaign_id)


@register.filter
def as_on_a_phone(text: str) -> SafeString:
    """A text with its bold and italic words, as WhatsApp shows it."""
    return markup.render(text)


def _time(at: datetime, words: str) -> SafeString:
    local = timezone.localtime(at)
    return format_html(
        '<time class="num" datetime="{}">{}</time>',
        local.isoformat(timespec="seconds"),
        words,
    )
