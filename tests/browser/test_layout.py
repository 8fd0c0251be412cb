"""What has its place on a screen of some width, in both languages."""

from __future__ import annotations

import pytest
from playwright.async_api import ViewportSize, expect

from tests.browser.operator import Operator
from tests.browser.words import LANGUAGES
from tests.eventually import eventually

pytestmark = pytest.mark.parametrize("language", LANGUAGES)

PHONE: ViewportSize = {"width": 390, "height": 844}


@pytest.mark.parametrize("width", [1140, 1440])
async def test_the_frame_of_a_page_takes_one_row(
    operator: Operator, width: int
) -> None:
    await operator.page.set_viewport_size({"width": width, "height": 900})
    await operator.open("/")
    brand = await operator.page.locator(".brand").bounding_box()
    name = await operator.page.locator(".operator").bounding_box()
    assert brand and name
    assert brand["y"] <= name["y"] and name["x"] > brand["x"] + brand["width"]
    assert name["y"] + name["height"] <= brand["y"] + brand["height"]


async def test_a_calendar_on_a_phone_begins_at_the_hour_that_is_now(
    operator: Operator,
) -> None:
    await operator.page.set_viewport_size(PHONE)
    await operator.open("/lines/")
    await operator.page.locator("tbody a").first.click()
    await operator.follow("Calendar: fourteen days by the hour")
    row = operator.page.locator("tr:has(.look-now)")

    async def is_in_view() -> bool:
        day = await row.locator("th").bounding_box()
        now = await row.locator(".look-now").bounding_box()
        assert day and now
        return day["x"] + day["width"] <= now["x"] <= PHONE["width"] - now["width"]

    # The browser moves the table when it draws the page, after it has read it.
    await eventually(is_in_view)
    await operator.sees(
        operator.words("Move the table sideways to see every hour of the day.")
    )


async def test_connect_on_a_phone_names_what_stands_in_its_cells(
    operator: Operator,
) -> None:
    await operator.page.set_viewport_size(PHONE)
    await operator.open("/connect/")
    cells = operator.page.locator("table.table td")
    named = operator.page.locator("table.table td[data-label]")
    await expect(cells.first).to_be_visible()
    assert await cells.count() == await named.count()
