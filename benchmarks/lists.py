"""What a long list costs: to bring in, to start, to look at."""

from __future__ import annotations

import asyncio
import random
import resource
import time
from statistics import median

from benchmarks.figures import Figure, at_least, at_most, percentile
from campaigns import imports, services, uploads
from campaigns.models import Campaign
from campaigns.pacing import Delays
from campaigns.recipients import PhoneList
from campaigns.spreadsheets import look_at
from campaigns.states import Pacing
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, open_site

SHORT = 1_000
LOOKS = 40
DELAYS = Delays(0, 0, random.Random(1))


def measure(count: int) -> list[Figure]:
    line, _ = Line.objects.get_or_create(licence_id="100", messenger="grWhatsApp")
    short = lists.running(line, SHORT, start=9_000_000)
    before_mb = _peak_mb()
    began = time.perf_counter()
    draft = _import(line, count)
    rows_per_s = count / (time.perf_counter() - began)
    figures = [
        Figure("import", rows_per_s, "rows/s", at_least(25_000)),
        Figure("import memory", _peak_mb() - before_mb, "MB more", at_most(150)),
    ]
    began = time.perf_counter()
    services.start_campaign(campaign_id=draft.pk, operator="bench")
    took_s = time.perf_counter() - began
    figures.append(Figure("start", took_s, "s", at_most(0.2)))
    return [*figures, *asyncio.run(_look(draft, short))]


def _import(line: Line, count: int) -> Campaign:
    text = "\n".join(f"+79{number:09d}" for number in range(count))
    data = f"phone\n{text}\n".encode()
    layout = look_at("list.csv", data, region="RU")
    upload = uploads.keep(name="list.csv", data=data, layout=layout)
    draft = services.create_campaign(
        name="Long",
        text="Hello",
        line=line,
        pacing=Pacing.ONE_AFTER_ANOTHER,
        phones=PhoneList(),
        delays=DELAYS,
        operator="bench",
        upload=(upload, layout),
    )
    del text, data
    imports.go_on(upload_id=upload.pk, delays=DELAYS, region="RU")
    draft.refresh_from_db()
    assert draft.total == count, "not everything came in"
    return draft


async def _look(draft: Campaign, short: Campaign) -> list[Figure]:
    async with open_site() as site:
        page, small = f"/campaigns/{draft.pk}/", f"/campaigns/{short.pk}/"
        long_ms = await times(site, page)
        short_ms = await times(site, small)
        found = [
            Figure("page", percentile(long_ms, 0.95), "ms p95", at_most(25)),
            Figure(
                "page long",
                median(long_ms),
                "ms",
                at_most(2, of_ratio=True),
                f"{SHORT:,} rows",
                median(short_ms),
            ),
        ]
        for name, asked in (
            ("filter", "?status=waiting"),
            ("filter deep", "?before=end"),
            ("filter phone", "search/?q=0001"),
        ):
            took = await times(site, page + asked)
            found.append(Figure(name, percentile(took, 0.95), "ms p95", at_most(50)))
        return found


async def times(site: Site, path: str) -> list[float]:
    await site.get(path)
    took = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        answer = await site.get(path)
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, answer.text
    return took


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
