"""Debian's Chromium, driven by Playwright; nothing is downloaded."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
# It stays off the network, and starts as root, which has no sandbox.
_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
]


class NoChromium(RuntimeError):
    """There is no Chromium on this machine."""


def chromium_program() -> str:
    """The path of the program. Raises NoChromium."""
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    raise NoChromium(f"there is no {_NAMES[0]}")


@asynccontextmanager
async def open_chromium() -> AsyncIterator[Browser]:
    """A browser for as long as the block lasts. Raises NoChromium."""
    program = chromium_program()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program, args=_ARGUMENTS
        )
        yield browser
        await browser.close()
