from __future__ import annotations

import pytest

from campaigns import failures
from campaigns.decisions import count_failed, retry_failed
from campaigns.explanations import advise
from campaigns.failures import read_failures
from campaigns.models import Campaign, Message
from chatapp.models import Line
from tests.campaigns import lists

pytestmark = pytest.mark.django_db


def failed(line: Line, *codes: str) -> Campaign:
    campaign = lists.running(line, len(codes))
    rows = Message.objects.filter(campaign=campaign).order_by("id")
    for message, code in zip(rows, codes, strict=True):
        reason = f"because of {code}"
        Message.objects.filter(pk=message.pk).update(
            status="failed", code=code, reason=reason
        )
    Campaign.objects.filter(pk=campaign.pk).update(failed=len(codes), waiting=0)
    return Campaign.objects.get(pk=campaign.pk)


def test_failures_are_grouped_with_the_commonest_first(line: Line) -> None:
    failed(line, "other")
    campaign = failed(line, "http_422", "not_on_whatsapp", "not_on_whatsapp", "")
    found = read_failures(campaign)
    told = [(g.code, g.count, g.is_more) for g in found.groups]
    assert told[0] == ("not_on_whatsapp", 2, False)
    assert sorted(told[1:]) == [("", 1, False), ("http_422", 1, False)]
    assert found.groups[0].reason == "because of not_on_whatsapp"
    assert not found.is_cut


def test_it_neither_counts_nor_names_without_end(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "MOST_COUNTED", 2)
    monkeypatch.setattr(failures, "MOST_GROUPS", 2)
    found = read_failures(failed(line, "a", "a", "a", "b", "c"))
    assert [(g.code, g.count, g.is_more) for g in found.groups] == [
        ("a", 2, True),
        ("b", 1, False),
    ]
    assert found.is_cut


def test_only_those_with_the_code_are_tried_again(line: Line) -> None:
    campaign = failed(line, "http_500", "http_500", "not_on_whatsapp", "")
    assert count_failed(campaign_id=campaign.pk, code="http_500") == 2
    who = {"campaign_id": campaign.pk, "operator": "anna"}
    assert retry_failed(**who, code="http_500") == 2  # type: ignore[arg-type]
    assert retry_failed(**who, code="http_500") == 0  # type: ignore[arg-type]
    assert lists.counts(campaign) == {"failed": 2, "waiting": 2}
    assert retry_failed(**who, code="") == 1  # type: ignore[arg-type]
    assert lists.counts(campaign) == {"failed": 1, "waiting": 3}


@pytest.mark.parametrize(
    ("code", "said", "is_for_connect"),
    [
        ("not_on_whatsapp", "Remove these phones", False),
        ("ApiInvalidTokenError", "Connect page", True),
        ("http_402", "licence", True),
        ("http_422", "Look at one of the numbers", False),
        ("http_503", "try these again in a few minutes", False),
        ("", "Try one again first", False),
        ("SomethingNew", "ChatApp's own words", False),
    ],
)
def test_each_reason_has_its_advice(code: str, said: str, is_for_connect: bool) -> None:
    advice = advise(code)
    assert said in str(advice.text)
    assert advice.is_for_connect == is_for_connect
