"""Every address of the site."""

from __future__ import annotations

from django.urls import include, path

from asgi_app.health import healthz
from campaigns.webhooks import chatapp_callback

# Also for what is too big; Django's own page for it says nothing.
handler400 = "campaigns.views.bad_request"

urlpatterns = [
    path("healthz", healthz),
    path("webhooks/chatapp/<str:secret>/", chatapp_callback),
    path("", include("chatapp.urls")),
    path("", include("campaigns.urls")),
]
