"""A small site behind the door, for the tests of the door."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from asgi_app.middleware import operator_of

Browser = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@csrf_exempt
async def whoami(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{operator_of(request)} {request.method}")


async def asset(request: HttpRequest) -> HttpResponse:
    return HttpResponse("body{}", headers={"Cache-Control": "max-age=60"})


async def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError


urlpatterns = [
    path("", whoami),
    path("asset.css", asset),
    path("broken", broken),
    path("healthz/more", whoami),
    path("webhooks/x", whoami),
    path("webhooks", whoami),
]


def basic(user: str, password: str, encoding: str = "utf-8") -> dict[str, str]:
    pair = f"{user}:{password}".encode(encoding)
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


RIGHT = basic("anna", "correct: horse")
WRONG = basic("anna", "wrong")
