from __future__ import annotations

from typing import Any

import httpx
import pytest
from django.core.handlers.asgi import ASGIHandler
from django.urls import path
from pytest_django.fixtures import Settings

from asgi_app.health import healthz

urlpatterns = [path("healthz", healthz)]


# Without the mark pytest-django forbids every question to the database.
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_it_answers_anybody_without_the_database(
    settings: Settings, method: str
) -> None:
    settings.ROOT_URLCONF = __name__
    handler: Any = ASGIHandler()
    transport = httpx.ASGITransport(handler)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost"
    ) as client:
        response = await client.request(method, "/healthz")
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/plain")
