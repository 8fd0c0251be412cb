"""Every page can be used with the keyboard alone."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.gallery import Gallery
from tests.browser.operator import Operator
from tests.browser.phones import made_up
from tests.browser.scenes import SCENES

# Radio buttons of one name are one stop; arrows move within.
CONTROLS = """() => {
  const seen = new Set();
  return [...document.querySelectorAll(
    'a[href], button, summary, textarea, select, [tabindex="0"],'
      + 'input:not([type=hidden])'
  )].filter(e => !e.disabled && e.checkVisibility()).filter(e => {
    if (e.type !== 'radio') return true;
    const known = seen.has(e.name);
    seen.add(e.name);
    return !known;
  }).length;
}"""
FOCUSED = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  e.dataset.stop ??= String(document.querySelectorAll('[data-stop]').length);
  const box = e.getBoundingClientRect();
  const ring = [e, e.closest('label')].filter(x => x).map(x => getComputedStyle(x));
  return {
    stop: e.dataset.stop,
    html: e.outerHTML.slice(0, 120),
    ringed: ring.some(
      s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2
    ),
    inView: box.bottom > 0 && box.top < innerHeight && box.width > 0,
  };
}"""


async def stops(page: Page) -> list[dict[str, object]]:
    """Where Tab stops on its way through the page, each once."""
    found: list[dict[str, object]] = []
    # Beyond the last one the focus leaves the page, or begins again.
    while True:
        await page.keyboard.press("Tab")
        stop = await page.evaluate(FOCUSED)
        if stop is None or stop["stop"] in {known["stop"] for known in found}:
            return found
        found.append(stop)


@pytest.mark.parametrize(
    "scene",
    [
        *("list", "new with remarks", "new with a question", "draft", "confirm"),
        *("trial", "receipt group", "finished", "unsure", "message", "copy", "edit"),
        *("delete", "messages found", "line", "phone", "stops", "queue", "connect"),
    ],
)
async def test_tab_reaches_every_control_and_shows_where_it_is(
    scripted: Operator, gallery: Gallery, scene: str
) -> None:
    page = scripted.page
    await SCENES[scene](scripted, gallery)
    # A page may be read before its style is there.
    await scripted.page.wait_for_load_state("load")
    expected = await page.evaluate(CONTROLS)
    found = await stops(page)
    assert len(found) == expected, [stop["html"] for stop in found]
    assert [stop["html"] for stop in found if not stop["ringed"]] == []
    assert [stop["html"] for stop in found if not stop["inView"]] == []


async def test_the_first_stop_skips_to_the_content(
    scripted: Operator, gallery: Gallery
) -> None:
    page = scripted.page
    await SCENES["draft"](scripted, gallery)
    # A page may be read before its style is there.
    await scripted.page.wait_for_load_state("load")
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("#main$"))
    await page.keyboard.press("Tab")
    within = await page.evaluate("!!document.activeElement.closest('main')")
    assert within


async def test_a_campaign_is_written_and_started_without_a_mouse(
    operator: Operator,
) -> None:
    page, keys, (phone,) = operator.page, operator.page.keyboard, made_up(1)
    await operator.open_form()
    await operator.open("/")

    async def go_to(control: str) -> None:
        """Presses Tab until the control has the focus."""
        for _ in range(40):
            await keys.press("Tab")
            if await page.locator(f"{control}:focus").count():
                return
        raise AssertionError(f"Tab does not come to {control}")

    await go_to("nav a[href='/campaigns/new/']")
    await keys.press("Enter")
    await expect(operator.field("Name")).to_be_visible()
    await go_to("input[name=name]")
    await keys.type("By keys")
    await go_to("textarea[name=text]")
    await keys.type("Hello")
    await go_to("input[name=line]")
    await go_to("textarea[name=phones]")
    await keys.type(phone)
    await go_to("input[name=pacing]")
    await keys.press("ArrowDown")
    await expect(page.locator("input[name=pacing]").nth(1)).to_be_checked()
    await keys.press("ArrowUp")
    await go_to("button[value=save]")
    await keys.press("Enter")
    await operator.sees("By keys", phone)
    await go_to("a[href$='/confirm/']")
    await keys.press("Enter")
    await expect(page).to_have_url(re.compile("/confirm/$"))
    await go_to("form[action$='/start/'] button")
    await keys.press("Space")
    await operator.waits_to_see("Finished: every message has its answer.")
