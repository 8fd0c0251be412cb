from __future__ import annotations

from django.apps import AppConfig


class AsgiAppConfig(AppConfig):
    name = "asgi_app"

    def ready(self) -> None:
        # Importing them registers them.
        from asgi_app import checks

        self.checks = checks
