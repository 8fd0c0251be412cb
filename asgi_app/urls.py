"""Every address of the site."""

from __future__ import annotations

from django.urls import include, path
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from asgi_app.health import healthz
from campaigns.api.app import api

# Also for what is too big; Django's own page for it says nothing.
handler400 = "campaigns.views.bad_request"

urlpatterns = [
    path("healthz", healthz),
    path("api/", api.urls),
    path("language/", require_POST(set_language), name="language"),
    path("", include("chatapp.urls")),
    path("", include("campaigns.urls")),
]
