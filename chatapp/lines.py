"""The lines of the account: fetched, kept, and one of them chosen."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import OperationalError, transaction
from django.utils import timezone

from asgi_app.database import in_orm
from chatapp.client import ChatApp
from chatapp.errors import ChatAppError
from chatapp.models import Account, Line, Unusable, why_unusable
from chatapp.types import Licence

logger = logging.getLogger(__name__)

FETCHED_EVERY = timedelta(hours=1)


class LineNotUsable(Exception):
    """The line cannot be chosen; `why` says the reason."""

    def __init__(self, why: Unusable) -> None:
        self.why = why
        super().__init__(why)


@dataclass(frozen=True)
class Preference:
    """Which line to choose while nobody has chosen one."""

    licence_id: str = ""
    messenger: str = ""
    first_will_do: bool = False

    @classmethod
    def configured(cls) -> Preference:
        return cls(
            licence_id=str(settings.CHATAPP_LICENSE_ID or ""),
            messenger=settings.CHATAPP_MESSENGER,
            first_will_do=settings.CHATAPP_IS_SANDBOX,
        )

    def names(self, line: Line) -> bool:
        wanted = (self.licence_id, self.messenger)
        return (line.licence_id, line.messenger) == wanted


def all_lines() -> list[Line]:
    """Every line ever seen, those that ChatApp lists first."""
    return list(Line.objects.order_by("-is_listed", "pk"))


def keep(licences: Iterable[Licence], preference: Preference, now: datetime) -> None:
    """Stores what ChatApp lists. Lines that are gone are marked, never deleted."""
    Account.objects.get_or_create(pk=1)
    with transaction.atomic():
        # One at a time: two that insert the same lines would deadlock in MySQL.
        Account.objects.select_for_update().get(pk=1)
        listed = []
        for licence in licences:
            for messenger in licence.messengers:
                line, _made = Line.objects.update_or_create(
                    licence_id=licence.licence_id[:64],
                    messenger=messenger.type[:64],
                    defaults={
                        "name": (licence.name or "")[:255],
                        "phone": (messenger.phone or "")[:32],
                        "paid_until": licence.paid_until,
                        "active": licence.active,
                        "status_code": licence.status_code[:64],
                        "is_listed": True,
                        "seen_at": now,
                    },
                )
                listed.append(line.pk)
        Line.objects.exclude(pk__in=listed).update(is_listed=False)
        Account.objects.filter(pk=1).update(lines_fetched_at=now)
        _choose_by_itself(preference, now)


def choose(pk: int, *, by: str, now: datetime) -> None:
    """Makes it the one line that new campaigns use.

    Raises Line.DoesNotExist or LineNotUsable.
    """
    with transaction.atomic():
        lines = {line.pk: line for line in _locked()}
        if pk not in lines:
            raise Line.DoesNotExist
        if why := why_unusable(lines[pk], now):
            raise LineNotUsable(why)
        _make_chosen(pk, by)


def _choose_by_itself(preference: Preference, now: datetime) -> None:
    lines = _locked()
    if any(line.is_chosen and line.is_listed for line in lines):
        return
    usable = [line for line in lines if why_unusable(line, now) is None]
    if preference.licence_id:
        usable = [line for line in usable if preference.names(line)]
    if len(usable) == 1 or (usable and preference.first_will_do):
        _make_chosen(usable[0].pk, by="")


def _locked() -> list[Line]:
    # Ordered, so that two who choose at once wait for each other and do not deadlock.
    return list(Line.objects.select_for_update().order_by("pk"))


def _make_chosen(pk: int, by: str) -> None:
    Line.objects.filter(is_chosen=True).exclude(pk=pk).update(is_chosen=False)
    Line.objects.filter(pk=pk).update(is_chosen=True, chosen_by=by)


async def fetch_lines(chatapp: ChatApp) -> None:
    """Asks ChatApp for the licences and keeps them. Raises errors of the API."""
    licences = await chatapp.licences()
    await in_orm(keep, licences, Preference.configured(), timezone.now())


async def ensure_lines(chatapp: ChatApp) -> None:
    """Fetches the lines after each connection, and then once an hour.

    For a cron job: what goes wrong is logged, and the next run tries again.
    """
    try:
        if await in_orm(_is_due, timezone.now()):
            await fetch_lines(chatapp)
    except (ChatAppError, OperationalError) as exc:
        logger.warning("the lines were not fetched: %s", exc)


def _is_due(now: datetime) -> bool:
    """Whether an account is connected whose lines are not known or not fresh."""
    account = Account.objects.filter(pk=1).exclude(sealed_access="").first()
    if account is None:
        return False
    fetched = account.lines_fetched_at
    return fetched is None or fetched <= now - FETCHED_EVERY
