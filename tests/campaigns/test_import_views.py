from __future__ import annotations

import random

from redis.asyncio import Redis

from asgi_app.database import in_orm
from campaigns import imports
from campaigns.models import Campaign, Upload
from campaigns.pacing import Delays
from campaigns.states import UploadState
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, form, rings, words
from tests.campaigns.test_imports import importing, table


def go_on(campaign: Campaign) -> None:
    delays = Delays(0, 0, random.Random(1))
    assert imports.go_on(upload_id=campaign.upload.pk, delays=delays, region="RU")


async def test_a_big_file_is_left_to_the_worker(
    site: Site, line: Line, redis: Redis
) -> None:
    file = {"upload": ("big.csv", table(6000))}
    checked = await site.post(
        "/campaigns/new/", **form(line, do="check", phones=""), files=file
    )
    assert "About 6,001 rows" in words(checked)
    saved = await site.post("/campaigns/new/", **form(line, phones=""), files=file)
    campaign = await in_orm(Campaign.objects.get)
    upload = await in_orm(Upload.objects.get, campaign=campaign)
    (ring,) = await rings(redis)
    assert ring.startswith(f"import:{upload.pk}:new:")
    page = await site.get(saved.headers["Location"])
    assert "The list is coming in 0 of about 6,001 rows" in words(page)
    assert page.headers["Refresh"] == "5"
    assert f"/campaigns/{campaign.pk}/start/" not in page.text
    refused = await site.post(f"/campaigns/{campaign.pk}/start/")
    assert refused.status_code == 409
    assert "still coming in" in words(refused)
    assert "Refresh" not in refused.headers
    await in_orm(go_on, campaign)
    page = await site.get(saved.headers["Location"])
    assert "6,000 rows: 5,401 in, 599 double." in words(page)


async def test_a_long_paste_is_left_to_the_worker(site: Site, line: Line) -> None:
    pasted = "\r\n".join(f"8999{n:07}" for n in range(5001))
    await site.post("/campaigns/new/", **form(line, phones=pasted))
    campaign = await in_orm(Campaign.objects.get)
    assert (campaign.total, await in_orm(Upload.objects.count)) == (0, 1)
    await in_orm(go_on, campaign)
    assert await in_orm(lists.counts, campaign) == {"waiting": 5001}


async def test_a_list_that_did_not_come_in_whole_says_so(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(importing, line)
    await in_orm(Upload.objects.update, state=UploadState.FAILED)
    page = await site.get(f"/campaigns/{campaign.pk}/")
    assert "The list has not come in whole" in words(page)
    assert f"/campaigns/{campaign.pk}/start/" not in page.text
