"""Copies that begin, and go on when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from asgi_app.database import in_orm
from campaigns import copying, in_pieces


@dataclass
class HeldCopies:
    """`has_begun` is set by the first piece, which waits for `may_go_on`."""

    has_begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def hold(cls, monkeypatch: pytest.MonkeyPatch) -> HeldCopies:
        held = cls()
        monkeypatch.setattr(in_pieces, "in_orm", held._in_orm)
        return held

    async def _in_orm(self, function: Callable[..., Any], **wanted: Any) -> Any:
        if function is copying.copy_piece:
            self.has_begun.set()
            await self.may_go_on.wait()
        return await in_orm(function, **wanted)
