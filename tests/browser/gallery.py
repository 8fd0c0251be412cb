"""Campaigns in every state, a stop list and a worker, for what looks at pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.browser.clerk import Clerk
from tests.browser.installation import Installation
from tests.browser.phones import made_up

TEXT = "Hello 👋\nOur spring sale is open until Sunday."
WRONG = "nobody\n7.9E+10\n8 800 555 35 35\n8 (999) 00\n<b>none</b>"
CLOUD = "Sandbox WhatsApp Cloud · caWhatsApp"
TELEGRAM = "Sandbox WhatsApp Cloud · telegram"
# Last pages with few rows: axe looks at every cell.
ROWS, FEW = 100, 4
MANY = ROWS + FEW


FILE = "phone,name\n{0},Olga\n{1},\n{2},Ivan\n"


@dataclass(frozen=True)
class Gallery:
    """The paths of campaigns by their state, and of a line; phones in a result."""

    paths: Mapping[str, str]
    phones: tuple[str, ...]


async def hang(clerk: Clerk, installation: Installation) -> Gallery:
    """Makes a campaign for each state; the line of the other tests stays free."""
    paths: dict[str, str] = {}
    phones = made_up(4)
    listed = [*phones, f"8{phones[0][2:]}", *WRONG.splitlines()]
    paths["draft"] = await clerk.draft("Draft with remarks", TEXT, listed, CLOUD)

    phones = made_up(3)
    rows = FILE.format(*phones)
    paths["tried"] = await clerk.draft(
        "Tried draft", "[Hi|Hello], {name|friend}!", rows.splitlines(), CLOUD
    )
    trial = f"{paths['tried']}trial/"
    await clerk.press(trial, on=trial, phone=made_up(1)[0])
    # The text needs a name, which the second row has not.
    paths["incomplete"] = await clerk.draft(
        "Draft with names", "Hello, {name}!", rows.splitlines(), CLOUD
    )

    stopped = "\n".join(made_up(3))
    await clerk.press("/stops/", on="/stops/", phones=stopped, reason="Asked by mail")

    sent_to = phones = made_up(4)
    installation.set_knob("status_early")
    installation.set_knob("refuse", phone=phones[1], status=400, code="ApiNoSuchChat")
    paths["finished"] = await clerk.send("Finished", TEXT, phones, CLOUD)

    phones = made_up(3)
    installation.set_knob("close_before", phone=phones[1], count=1)
    paths["unsure"] = await clerk.send("Unsure", TEXT, phones, CLOUD)

    phones = made_up(12)
    for phone in phones[:10]:
        installation.set_knob("refuse", phone=phone, status=402, code="Unpaid")
    paths["stopped"] = await clerk.send("Stopped line", TEXT, phones, TELEGRAM)

    paths["scheduled"] = await clerk.draft("Scheduled", TEXT, made_up(3), CLOUD)
    next_year = f"{datetime.now(UTC).year + 1}-03-08T09:00"
    await _time(clerk, paths["scheduled"], when="at", start_at=next_year)

    paths["sliced"] = await clerk.draft("Sliced", TEXT, made_up(4), CLOUD)
    await _time(clerk, paths["sliced"], when="now", slice_size="2")

    paths["paused"] = await clerk.send("Paused", TEXT, made_up(MANY), CLOUD)
    await clerk.press(f"{paths['paused']}pause/", on=paths["paused"])

    paths["cancelled"] = await clerk.send("Cancelled", TEXT, made_up(MANY), CLOUD)
    question = f"{paths['cancelled']}cancel/"
    await clerk.press(question, on=question)

    # It runs on for as long as anybody may want to look at it, a quarter of an hour: on
    # a busy machine a third of that was too little.
    paths["running"] = await clerk.send(
        "Running", TEXT, made_up(49 * ROWS + FEW), CLOUD
    )
    await clerk.waits_for(paths["finished"], r'<h1>.*</h1>\s*<span class="badge is-fin')
    await clerk.waits_for(paths["unsure"], 'id="unsure"')
    await clerk.waits_for("/", rf"(?s){TELEGRAM}.*Go on")
    lines = await clerk.waits_for("/lines/", CLOUD)
    for state, name in (("line", CLOUD), ("stopped line", TELEGRAM)):
        at = re.search(rf'href="(/lines/\d+/)">{name}', lines)
        assert at, lines
        paths[state] = at[1]
    installation.clear_knobs()
    return Gallery(paths, tuple(sent_to))


async def _time(clerk: Clerk, path: str, **timing: str) -> None:
    """Tells a draft when to start, and whom to send it first; then starts it."""
    when = f"{path}when/"
    await clerk.press(when, on=when, **timing)
    await clerk.press(f"{path}start/", on=f"{path}confirm/")
