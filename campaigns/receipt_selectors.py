"""The receipt of a campaign's list, read from its remarks, and their download."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count

from campaigns.listing import template_of
from campaigns.models import Campaign, ListRemark, Upload
from campaigns.receipts import FINAL, LINES_NAMED, Group, Receipt, in_order
from campaigns.recipients import Reason
from campaigns.states import CampaignStatus

PAGE = 100
NEED_VALUES = frozenset({Reason.VALUE_MISSING, Reason.TEXT_TOO_LONG})


@dataclass(frozen=True)
class GroupPage:
    """A page of the remarks with one reason.

    `names` are the variables whose values may be typed, by folded name.
    """

    campaign: Campaign
    reason: str
    count: int
    remarks: Sequence[ListRemark]
    page: int
    pages: int
    can_be_corrected: bool
    names: dict[str, str]


def receipt_of_campaign(campaign: Campaign) -> Receipt:
    """Counts a campaign's remarks, and names the first lines of each group.

    By `remark_group`: once for the counts, once for each group.
    """
    remarks = ListRemark.objects.filter(campaign=campaign)
    counted = (
        remarks.order_by("is_kept", "reason")
        .values_list("is_kept", "reason")
        .annotate(count=Count("id"))
    )
    groups = [
        Group(
            reason,
            is_kept,
            count,
            list(
                remarks.filter(is_kept=is_kept, reason=reason)
                .order_by("id")
                .values_list("line", flat=True)[:LINES_NAMED]
            ),
        )
        for is_kept, reason, count in counted
    ]
    return Receipt(campaign.list_lines, campaign.total, in_order(groups))


def read_receipt(*, campaign_id: int) -> tuple[Campaign, Receipt]:
    """A campaign and its receipt; raises Campaign.DoesNotExist."""
    campaign = Campaign.objects.get(pk=campaign_id)
    return campaign, receipt_of_campaign(campaign)


def read_group(*, campaign_id: int, reason: str, page: int) -> GroupPage:
    """The remarks with a reason, a page of them; raises Campaign.DoesNotExist."""
    campaign = Campaign.objects.get(pk=campaign_id)
    remarks = ListRemark.objects.filter(campaign=campaign, reason=reason).order_by("id")
    count = remarks.count()
    pages = max(-(-count // PAGE), 1)
    page = min(max(page, 1), pages)
    template = template_of(campaign.text)
    upload = Upload.objects.filter(campaign=campaign).first()
    is_whole = upload is None or not (upload.is_under_way or upload.has_failed)
    shown = list(remarks[(page - 1) * PAGE : page * PAGE])
    return GroupPage(
        campaign=campaign,
        reason=reason,
        count=count,
        remarks=shown,
        page=page,
        pages=pages,
        can_be_corrected=(
            campaign.status == CampaignStatus.DRAFT
            and is_whole
            and reason not in FINAL
            and not any(remark.is_kept for remark in shown)
        ),
        names=template.names if template and reason in NEED_VALUES else {},
    )


def remarks_after(
    *, campaign_id: int, reason: str, after: int, count: int
) -> list[ListRemark]:
    """The next remarks behind an id, for a download; empty at the end."""
    remarks = ListRemark.objects.filter(campaign=campaign_id, pk__gt=after)
    if reason:
        remarks = remarks.filter(reason=reason)
    return list(remarks.order_by("pk")[:count])
