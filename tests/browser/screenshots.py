"""`make screenshots`: pictures of the main pages, under `docs/`.

The people and the campaigns are made up, and everything goes to the sandbox. They are
sent with short pauses first, and the pages of what runs are taken then; for the others
the program starts anew with its usual pauses.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import django
from playwright.async_api import Browser, ViewportSize

from tests.browser.chromium import NoChromium, open_chromium
from tests.browser.clerk import Clerk, clerk_at
from tests.browser.installation import Installation, installed
from tests.browser.operator import signed_in
from tests.browser.phones import made_up
from tests.browser.words import Words

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
LARGEST = 180 * 1024
DESKTOP: ViewportSize = {"width": 1140, "height": 1080}
PHONE: ViewportSize = {"width": 390, "height": 844}
LINE = "Sandbox WhatsApp · grWhatsApp"
CLOUD = "Sandbox WhatsApp Cloud · caWhatsApp"
TEXT = (
    "Good day!\nOur spring sale is on: *20 % off* until Sunday.\nReply STOP to opt out."
)
GREETING = (
    "[Hello|Good day], {name|friend}!\nYour order in {city} is *ready*.\n"
    "Reply STOP to opt out."
)
NAMES = ("Olga", "Pavel", "", "Irina", "Sergei", "Maria")
CITIES = ("Tver", "Kazan", "Perm")
WRONG = [
    *("Ivan, call back", "tel. of the shop", "8.9E+10", "8 800 555 35 35"),
    "8 (999) 12-34",
]


@dataclass(frozen=True)
class Picture:
    """A page, and how it is looked at; the path begins with a campaign's name.

    `runs` tells of one that is of campaigns under way.
    """

    file: str
    path: str
    size: ViewportSize
    scheme: Literal["light", "dark"] = "light"
    runs: bool = False


# Every picture under `docs/`; `{sale}` and the like are the campaigns of `_campaigns`.
PICTURES = (
    Picture("campaign.png", "{sale}", DESKTOP, runs=True),
    Picture("campaign-dark.png", "{sale}", DESKTOP, "dark", runs=True),
    Picture("campaign-phone.png", "{sale}", PHONE, runs=True),
    Picture("campaigns.png", "/", {"width": 1140, "height": 720}, runs=True),
    Picture("new.png", "/campaigns/new/", DESKTOP),
    Picture("draft.png", "{draft}", DESKTOP),
    Picture("confirm.png", "{names}confirm/", DESKTOP),
    Picture(
        "receipt.png", "{draft}receipt/not_a_number/", {"width": 1140, "height": 720}
    ),
    Picture("line.png", "{line}", DESKTOP),
    Picture("stops.png", "/stops/", {"width": 1140, "height": 1260}),
    Picture("queue.png", "/queue/", DESKTOP, runs=True),
    Picture("message.png", "{message}", {"width": 1140, "height": 900}),
)


def main() -> int:
    """Takes all pictures; 1 where there is no Chromium or one has become too big."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    try:
        return asyncio.run(_take_all())
    except NoChromium as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1


async def _take_all() -> int:
    async with open_chromium() as chromium:
        with tempfile.TemporaryDirectory(prefix="screenshots-") as name:
            folder = Path(name)
            # Slow enough for a curve of some minutes.
            pauses = {"SEND_DELAY_MIN": "3", "SEND_DELAY_MAX": "9"}
            with installed(folder, **pauses) as quick:
                async with clerk_at(quick.url) as clerk:
                    pages = await _campaigns(clerk, quick)
                too_big = await _take(chromium, quick.url, pages, runs=True)
            usual = {"SEND_DELAY_MIN": "5", "SEND_DELAY_MAX": "50"}
            with installed(folder, **usual) as installation:
                async with clerk_at(installation.url) as clerk:
                    await clerk.waits_for("/lines/", LINE)
                return too_big | await _take(
                    chromium, installation.url, pages, runs=False
                )


async def _take(
    chromium: Browser, url: str, pages: Mapping[str, str], *, runs: bool
) -> int:
    too_big = 0
    for picture in (picture for picture in PICTURES if picture.runs == runs):
        async with signed_in(
            chromium, url, Words("en"), viewport=picture.size
        ) as operator:
            await operator.page.emulate_media(color_scheme=picture.scheme)
            await operator.open(picture.path.format_map(pages))
            file = DOCS / picture.file
            await operator.page.screenshot(path=file)
        size = file.stat().st_size
        too_big |= size > LARGEST
        print(f"{picture.file:<20} {size // 1024:>4} KB", flush=True)
    return too_big


async def _campaigns(clerk: Clerk, sandbox: Installation) -> dict[str, str]:
    """What a week of work leaves behind; the paths of what is shown, by name."""
    reminded = made_up(14)
    sandbox.set_knob("not_on_whatsapp", phone=reminded[5])
    await clerk.send("Order pick-up reminder", TEXT, reminded, CLOUD)

    phones = made_up(24)
    for phone in phones[4:20:5]:
        sandbox.set_knob("status_late", phone=phone, seconds=900)
    for told, reason in ((made_up(3), "Asked by mail"), (made_up(2), "Moved away")):
        await clerk.press(
            "/stops/", on="/stops/", phones="\n".join(told), reason=reason
        )
    listed = [*made_up(42), *WRONG]
    draft = await clerk.draft("Opening hours in May", TEXT, [*listed, listed[0]], LINE)
    table = ["phone,name,city"] + [
        f"{phone},{NAMES[row % 6]},{CITIES[row % 3]}"
        for row, phone in enumerate(made_up(120))
    ]
    names = await clerk.draft("Orders that are ready", GREETING, table, LINE)
    sale = await clerk.send("Spring sale", TEXT, phones, LINE)
    await clerk.waits_for(sale, _row(phones[13], "accepted|sent|read"))
    sandbox.tell("incoming", phone=phones[1], text="STOP")
    page = await clerk.waits_for(sale, _row(phones[0], "read"))
    path = page.partition(phones[0])[0].rpartition('href="')[2].partition('"')[0]
    lines = await clerk.waits_for("/lines/", LINE)
    line = lines.partition(f">{LINE}")[0].rpartition('href="')[2].rstrip('"')
    return {
        "sale": sale,
        "draft": draft,
        "names": names,
        "message": path,
        "line": line,
    }


def _row(phone: str, statuses: str) -> str:
    """A pattern for a message's row with one of the statuses."""
    return rf"(?s)\{phone}</a>(?:(?!</tr>).)*is-(?:{statuses})"


if __name__ == "__main__":
    sys.exit(main())
