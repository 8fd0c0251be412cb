"""Every page: WCAG 2.2 AA by axe-core, light and dark, wide and at 320 px.

axe needs scripts, which the pages do not have: these tests run with scripts on.
"""

from __future__ import annotations

import pytest
from playwright.async_api import ViewportSize

from tests.browser.accessibility import overflow, violations
from tests.browser.gallery import Gallery
from tests.browser.operator import Operator
from tests.browser.scenes import SCENES

PHONE: ViewportSize = {"width": 320, "height": 640}


async def faults(operator: Operator) -> list[str]:
    """What is wrong with the page that is shown: wide and light, small and dark."""
    page = operator.page
    await page.emulate_media(color_scheme="light")
    found = [f"wide and light, {fault}" for fault in await violations(page)]
    await page.emulate_media(color_scheme="dark")
    await page.set_viewport_size(PHONE)
    found += [f"small and dark, {fault}" for fault in await violations(page)]
    return found + await overflow(page)


@pytest.mark.parametrize("scene", SCENES)
async def test_a_page_is_accessible(
    scripted: Operator, gallery: Gallery, scene: str
) -> None:
    await SCENES[scene](scripted, gallery)
    # A page may be read before its style is there.
    await scripted.page.wait_for_load_state("load")
    assert not (found := await faults(scripted)), "\n".join(found)


@pytest.mark.parametrize("path", ["/", "/campaigns/new/", "/connect/"])
async def test_a_page_of_an_empty_site_is_accessible(
    scripted: Operator, empty_site: str, path: str
) -> None:
    await scripted.page.goto(empty_site + path)
    assert not (found := await faults(scripted)), "\n".join(found)
