"""Every address of the site."""

from __future__ import annotations

from django.urls import include, path

from asgi_app.health import healthz

urlpatterns = [
    path("healthz", healthz),
    path("", include("chatapp.urls")),
    path("", include("campaigns.urls")),
]
