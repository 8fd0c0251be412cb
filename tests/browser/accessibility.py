"""axe-core's rules, and how a page looks at it."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from playwright.async_api import Page

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
OPTIONS = {
    "runOnly": [
        *("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"),
        "best-practice",
    ],
    "resultTypes": ["violations"],
}


async def violations(page: Page) -> list[str]:
    """What breaks a rule: a line an element. The page must run scripts."""
    await page.evaluate(AXE)
    found: dict[str, Any] = await page.evaluate(
        "options => axe.run(document, options)", OPTIONS
    )
    return [
        f"{rule['id']}: {' '.join(node['failureSummary'].split())} {node['html']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


async def overflow(page: Page) -> list[str]:
    """What sticks out of a page that may not scroll sideways: a line an element."""
    found: list[str] = await page.evaluate(
        """() => {
          const width = document.documentElement.clientWidth;
          if (document.documentElement.scrollWidth <= width) return [];
          return [...document.body.querySelectorAll('*')]
            .filter(e => e.getBoundingClientRect().right > width + 0.5)
            .map(e => `wider than ${width}: ${e.outerHTML.slice(0, 120)}`);
        }"""
    )
    return found
