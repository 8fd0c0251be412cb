"""A page on paper: the results and nothing to press."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.gallery import Gallery
from tests.browser.operator import Operator
from tests.browser.scenes import SCENES

PAPER = "rgb(255, 255, 255)"
COLOURS = """() => {
  const said = [document.body, document.querySelector('main h1')];
  return said.map(e => getComputedStyle(e))
    .map((s, n) => n ? s.color : s.backgroundColor);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "scene", ["list", "unsure", "message", "line", "phone", "stops", "queue"]
)
async def test_a_printed_page_has_its_tables_and_nothing_to_press(
    scripted: Operator, gallery: Gallery, scene: str, scheme: str
) -> None:
    page = scripted.page
    await SCENES[scene](scripted, gallery)
    # A page may be read before its style is there.
    await scripted.page.wait_for_load_state("load")
    # What an A4 sheet is wide, less its margins.
    await page.set_viewport_size({"width": 718, "height": 1000})
    await page.emulate_media(
        media="print", color_scheme="dark" if scheme == "dark" else "light"
    )
    table = page.locator("table").last
    await expect(table).to_be_visible()
    await expect(table.locator("thead th").last).to_be_visible()
    for hidden in (".top nav", ".pages", "button", ".reload", ".skip", ".operator"):
        for found in await page.locator(hidden).all():
            await expect(found).to_be_hidden()
    ground, ink = await page.evaluate(COLOURS)
    assert ground == PAPER
    assert max(map(int, ink.removeprefix("rgb(").rstrip(")").split(","))) < 64
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 718
