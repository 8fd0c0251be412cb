"""`make screenshots`: pictures of the main pages, under `docs/`.

The people and the campaigns are made up, and everything goes to the sandbox. They are
sent with short pauses first; then the program starts anew with its usual ones.
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
LARGEST = 150 * 1024
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
    """A page, and how it is looked at; the path begins with a campaign's name."""

    file: str
    path: str
    size: ViewportSize
    scheme: Literal["light", "dark"] = "light"


# Every picture under `docs/`; `{sale}` and the like are the campaigns of `_campaigns`.
PICTURES = (
    Picture("campaign.png", "{sale}", DESKTOP),
    Picture("campaign-dark.png", "{sale}", DESKTOP, "dark"),
    Picture("campaign-phone.png", "{sale}", PHONE),
    Picture("campaigns.png", "/", {"width": 1140, "height": 720}),
    Picture("new.png", "/campaigns/new/", DESKTOP),
    Picture("draft.png", "{draft}", DESKTOP),
    Picture("confirm.png", "{names}confirm/", DESKTOP),
    Picture(
        "receipt.png", "{draft}receipt/not_a_number/", {"width": 1140, "height": 720}
    ),
    Picture("line.png", "{line}", DESKTOP),
    Picture("stops.png", "/stops/", {"width": 1140, "height": 1260}),
    Picture("queue.png", "/queue/", DESKTOP),
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
            usual = {"SEND_DELAY_MIN": "5", "SEND_DELAY_MAX": "50"}
            with installed(folder, **usual) as installation:
                async with clerk_at(installation.url) as clerk:
                    sale = pages["sale"]
                    await clerk.press(f"{sale}resume/", on=sale)
                    await clerk.waits_for(sale, "Next: <a")
                return await _take(chromium, installation.url, pages)


async def _take(chromium: Browser, url: str, pages: Mapping[str, str]) -> int:
    too_big = 0
    for picture in PICTURES:
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
    await clerk.send("Order pick-up reminder", TEXT, made_up(14), CLOUD)

    phones = made_up(24)
    for phone in phones[2:20:7]:
        sandbox.set_knob("not_on_whatsapp", phone=phone)
    sandbox.set_knob("close_before", phone=phones[6])
    for phone in phones[4:20:5]:
        sandbox.set_knob("status_late", phone=phone, seconds=900)
    sale = await clerk.send("Spring sale", TEXT, phones, LINE)
    await clerk.waits_for(sale, _row(phones[15], "accepted|sent|read"))
    await clerk.press(f"{sale}pause/", on=sale)
    page = await clerk.waits_for(sale, _row(phones[0], "read"))

    for told, reason in ((made_up(3), "Asked by mail"), (made_up(2), "Moved away")):
        await clerk.press(
            "/stops/", on="/stops/", phones="\n".join(told), reason=reason
        )
    sandbox.tell("incoming", phone=phones[1], text="STOP")

    listed = [*made_up(42), *WRONG]
    draft = await clerk.draft("Opening hours in May", TEXT, [*listed, listed[0]], LINE)
    table = ["phone,name,city"] + [
        f"{phone},{NAMES[row % 6]},{CITIES[row % 3]}"
        for row, phone in enumerate(made_up(120))
    ]
    names = await clerk.draft("Orders that are ready", GREETING, table, LINE)
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
