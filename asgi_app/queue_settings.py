"""The same settings for the site of the queue page, which has addresses of its own."""

from __future__ import annotations

from asgi_app.settings import *  # noqa: F403

ROOT_URLCONF = "asgi_app.queue_urls"
