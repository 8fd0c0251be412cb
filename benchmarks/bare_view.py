"""An async Django view that only answers 200: what a callback is measured against."""

from __future__ import annotations

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
async def answer(request: HttpRequest, secret: str) -> HttpResponse:
    assert request.body and secret
    headers = {"Content-Length": "2", "Content-Type": "text/plain"}
    return HttpResponse("ok", headers=headers)


settings.configure(
    ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="bench", MIDDLEWARE=[]
)
django.setup()
urlpatterns = [path("webhooks/chatapp/<str:secret>/", answer)]
application = get_asgi_application()
