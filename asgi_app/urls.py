"""Every address of the site."""

from __future__ import annotations

from django.urls import include, path
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from campaigns.api.app import api

# Also for what is too big; Django's own page for it says nothing.
handler400 = "campaigns.views.bad_request"
# Django's own reads the form for its token, and fails over one that is broken.
handler404 = "campaigns.views.not_found"

urlpatterns = [
    path("api/", api.urls),
    path("language/", require_POST(set_language), name="language"),
    path("", include("chatapp.urls")),
    path("", include("campaigns.urls")),
]
