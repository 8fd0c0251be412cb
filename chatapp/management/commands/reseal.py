"""`manage.py reseal`: the last step but one of a change of SECRET_KEY."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chatapp.encryption import SealBroken
from chatapp.resealing import reseal


class Command(BaseCommand):
    help = (
        "Encrypts ChatApp's tokens anew with SECRET_KEY, so that the former key can be "
        "taken out of SECRET_KEY_FALLBACKS. Safe while everything runs."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            resealed = reseal()
        except SealBroken:
            raise CommandError(
                "the stored tokens cannot be read: neither SECRET_KEY nor any of "
                "SECRET_KEY_FALLBACKS has sealed them. Put the former key there, or "
                "connect again on the Connect page"
            ) from None
        self.stdout.write(
            f"{resealed} tokens sealed with SECRET_KEY; none needs "
            "SECRET_KEY_FALLBACKS any more"
        )
