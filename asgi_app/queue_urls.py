"""The site with the queue page at its root; all that it links to is below /desk/."""

from __future__ import annotations

from django.urls import include, path

from asgi_app.health import healthz
from campaigns.queue_views import queue

handler400 = "campaigns.views.bad_request"

# The callback is not here: it is for the site that PUBLIC_URL names.
urlpatterns = [
    path("", queue, name="queue"),
    path("healthz", healthz),
    path("desk/", include("chatapp.urls")),
    path("desk/", include("campaigns.urls")),
]
