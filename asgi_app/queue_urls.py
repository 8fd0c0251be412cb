"""The site with the queue page at its root; all that it links to is below /desk/."""

from __future__ import annotations

from django.urls import include, path
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from campaigns.queue_views import queue

handler400 = "campaigns.views.bad_request"
# Django's own reads the form for its token, and fails over one that is broken.
handler404 = "campaigns.views.not_found"

# The callback is not here: it is for the site that PUBLIC_URL names.
urlpatterns = [
    path("", queue, name="queue"),
    path("language/", require_POST(set_language), name="language"),
    path("desk/", include("chatapp.urls")),
    path("desk/", include("campaigns.urls")),
]
