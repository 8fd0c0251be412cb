from __future__ import annotations

from typing import Any

import httpx
import pytest
from django.core.handlers.asgi import ASGIHandler


# Without the mark pytest-django forbids every question to the database.
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("host", ["localhost", "10.0.0.7:8000"])
async def test_it_answers_anybody_without_the_database(method: str, host: str) -> None:
    handler: Any = ASGIHandler()
    transport = httpx.ASGITransport(handler)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost"
    ) as client:
        response = await client.request(method, "/healthz", headers={"Host": host})
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/plain")
