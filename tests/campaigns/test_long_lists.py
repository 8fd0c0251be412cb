"""However much there is, a page shows a page of it."""

from __future__ import annotations

import pytest

from campaigns import receipt_selectors, selectors
from campaigns.models import ListRemark
from chatapp.models import Line
from tests.campaigns import lists


def test_campaigns_are_listed_a_page_at_a_time(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "PAGE", 2)
    made = [lists.draft(line, 0).pk for _ in range(5)]
    pages = [selectors.list_campaigns(page=page) for page in (1, 2, 3)]
    assert [page.pages for page in pages] == [3, 3, 3]
    shown = [[row.campaign.pk for row in page.listed] for page in pages]
    assert shown == [[made[4], made[3]], [made[2], made[1]], [made[0]]]


def test_remarks_are_read_a_page_at_a_time(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipt_selectors, "PAGE", 2)
    campaign = lists.draft(line, 1)
    ListRemark.objects.bulk_create(
        ListRemark(campaign=campaign, line=n, raw="nothing", reason="not_a_number")
        for n in range(2, 7)
    )
    pages = [
        receipt_selectors.read_group(
            campaign_id=campaign.pk, reason="not_a_number", page=page
        )
        for page in (1, 2, 3)
    ]
    assert [page.count for page in pages] == [5, 5, 5]
    assert [[r.line for r in page.remarks] for page in pages] == [[2, 3], [4, 5], [6]]


def test_the_phones_of_a_draft_are_read_a_page_at_a_time(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "PAGE", 2)
    campaign = lists.draft(line, 5)
    pages = [
        selectors.read_campaign(campaign_id=campaign.pk, page=page)
        for page in (1, 2, 3)
    ]
    shown = [[message.phone[-1] for message in page.messages] for page in pages]
    assert shown == [["0", "1"], ["2", "3"], ["4"]]
