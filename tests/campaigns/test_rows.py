from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.template import Context, Template
from django.urls import reverse
from django.utils import translation
from pytest_django import Settings

from campaigns.models import Message

AT = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def drawn(*messages: Message) -> str:
    template = Template("{% load rows %}{% message_rows messages %}")
    return template.render(Context({"messages": messages}))


def test_a_row_leads_to_its_message_and_to_its_phone() -> None:
    row = drawn(Message(pk=12, campaign_id=7, phone="+79990000001"))
    assert f'href="{reverse("campaigns:message", args=[7, 12])}"' in row
    assert f'href="{reverse("campaigns:phone", args=["79990000001"])}"' in row


def test_on_the_site_of_the_queue_page_it_leads_below_desk(settings: Settings) -> None:
    message = Message(pk=12, campaign_id=7, phone="+79990000001")
    assert 'href="/campaigns/7/messages/12/"' in drawn(message)
    settings.ROOT_URLCONF = "asgi_app.queue_urls"
    assert 'href="/desk/campaigns/7/messages/12/"' in drawn(message)
    assert 'href="/desk/phones/79990000001/"' in drawn(message)


def test_whatever_chatapp_wrote_is_only_text() -> None:
    message = Message(
        pk=1,
        campaign_id=1,
        phone="+79990000001",
        status="failed",
        message_id='"><script>1</script>',
        code="<i>x</i>",
        reason="<b>bold</b>",
    )
    row = drawn(message)
    assert "<script" not in row and "<b>" not in row and "<i>" not in row
    assert "&lt;script&gt;" in row and "&lt;b&gt;bold" in row


def test_what_waits_for_another_try_has_not_left() -> None:
    waiting = Message(pk=1, campaign_id=1, phone="+7", claimed_at=AT)
    left = Message(pk=1, campaign_id=1, phone="+7", claimed_at=AT, status="unsure")
    assert "<time" not in drawn(waiting)
    assert drawn(left).count("<time") == 1


@pytest.mark.parametrize("failed_at", [None, AT])
def test_a_failure_says_when_it_was_known(failed_at: datetime | None) -> None:
    with translation.override("ru"):
        row = drawn(
            Message(
                pk=1, campaign_id=1, phone="+7", status="failed", failed_at=failed_at
            )
        )
        known = translation.gettext("by a later status,")
        assert (known in row) == (failed_at is not None)
        assert (translation.gettext("refused at once") in row) == (failed_at is None)
