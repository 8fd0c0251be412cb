"""The rows of the table of messages.

A page has a hundred of them, and what a template's tags cost each time, `url` and
`translate` above all, was most of the page: 25 ms, and is 3 ms here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache

from django import template
from django.conf import settings
from django.template.loader import get_template
from django.urls import reverse
from django.utils.html import conditional_escape as escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from campaigns.models import Message
from campaigns.states import MessageStatus
from campaigns.templatetags.pages import clock_time, message_badge

register = template.Library()
# Stand for the ids in an address that is looked up once.
_CAMPAIGN, _MESSAGE = 999_999_999_998, 999_999_999_999
_DASH = '<span class="hush">–</span>'


@register.simple_tag
def message_rows(messages: Iterable[Message]) -> SafeString:
    """What became of each message: its phone, status, answer, and when."""
    status, answer = _("Status"), _("Answer")
    all_to = _("all to this phone")
    moments = {
        _("Left"): "left_at",
        _("Answered"): "answered_at",
        _("Sent"): "sent_at",
        _("Delivered"): "delivered_at",
        _("Read"): "read_at",
    }
    parts = []
    for message in messages:
        phone = escape(message.phone)
        parts.append(
            f'<tr><th scope="row" class="num"><a href="{_address(message)}">{phone}</a>'
            f' <small><a class="quiet" href="{_phone_address(message.phone)}">{all_to}'
            f'<span class="hidden"> {phone}</span></a></small></th>'
            f'<td data-label="{status}"><div>{_status(message)}</div></td>'
            f"{_answer(answer, message)}"
        )
        for label, name in moments.items():
            parts.append(_moment(label, getattr(message, name)))
        parts.append("</tr>\n")
    return mark_safe("".join(parts))


def _status(message: Message) -> str:
    badge = message_badge(message.status)
    if message.status != MessageStatus.FAILED:
        return badge
    if message.failed_at is None:
        said = _("refused at once")
    else:
        said = f"{_('by a later status,')} {clock_time(message.failed_at)}"
    return f'{badge} <small class="hush">{said}</small>'


def _answer(label: str, message: Message) -> str:
    told = bool(message.code or message.reason)
    said = f'<code class="id">{escape(message.message_id)}</code>'
    parts = [said if message.message_id else ""]
    if told:
        parts.append(
            get_template("campaigns/_why.html").render(
                {
                    "code": message.code,
                    "reason": message.reason,
                    "http_status": message.http_status,
                }
            )
        )
    shape = "" if told or message.message_id else ' class="none"'
    inside = " ".join(filter(None, parts)) or _DASH
    return f'<td data-label="{label}"{shape}><div>{inside}</div></td>'


def _moment(label: str, at: datetime | None) -> str:
    if at is None:
        return f'<td data-label="{label}" class="num none">{_DASH}</td>'
    return f'<td data-label="{label}" class="num">{clock_time(at)}</td>'


def _address(message: Message) -> str:
    pattern = _message_pattern(settings.ROOT_URLCONF).replace(
        str(_CAMPAIGN), str(message.campaign_id)
    )
    return pattern.replace(str(_MESSAGE), str(message.pk))


def _phone_address(phone: str) -> str:
    return _phone_pattern(settings.ROOT_URLCONF).replace(
        str(_MESSAGE), phone.lstrip("+")
    )


@cache
def _message_pattern(site: str) -> str:
    return reverse("campaigns:message", urlconf=site, args=[_CAMPAIGN, _MESSAGE])


@cache
def _phone_pattern(site: str) -> str:
    return reverse("campaigns:phone", urlconf=site, args=[str(_MESSAGE)])
