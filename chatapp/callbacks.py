"""The callback of each line: what ChatApp has registered, and what it should have."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import OperationalError, models
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as noop

from asgi_app.database import in_orm
from asgi_app.subjects import about
from chatapp.client import ChatApp
from chatapp.errors import ChatAppError
from chatapp.models import Account, Line, why_unusable
from chatapp.types import CallbackUrl, LineKey

logger = logging.getLogger(__name__)

PATH = "/webhooks/chatapp/"
CHECKED_EVERY = timedelta(hours=1)
# After a refusal: at the next look, then as late again as it has been refused so far.
# ChatApp asks the address first, and web may be slower to start than the worker.
TRIED_AGAIN_FIRST = timedelta(seconds=10)
TRIED_AGAIN_LAST = timedelta(minutes=10)
URL_LENGTH = 500


class CallbackState(models.TextChoices):
    """What is registered for a line, as it was seen last."""

    UNKNOWN = "", _("not looked at yet")
    NONE = "none", _("nothing is registered")
    OURS = "ours", _("registered")
    PARTIAL = "partial", _("registered, but not for every event that is needed")
    STALE = "stale", _("an older address of this program is registered")
    FOREIGN = "foreign", _("an address of another program is registered")


_TO_REGISTER = (CallbackState.NONE, CallbackState.PARTIAL, CallbackState.STALE)


class ForeignCallback(Exception):
    """Another program's address is registered; only a click that names it replaces."""


def expected_url() -> str:
    """Where ChatApp should call; empty without PUBLIC_URL. Holds the secret."""
    if not settings.PUBLIC_URL:
        return ""
    return f"{settings.PUBLIC_URL.rstrip('/')}{PATH}{settings.WEBHOOK_SECRET[0]}/"


def shown(url: str) -> str:
    """An address without what stands behind our path: that is a secret."""
    before, path, _secret = url.partition(PATH)
    return f"{before}{path}…" if path else url


def state_of(url: str | None, events: Collection[str] = ()) -> CallbackState:
    """Tells whose address it is; events that are not told are taken to be all."""
    if not url:
        return CallbackState.NONE
    if url == expected_url():
        told = {event.lower() for event in events}
        is_whole = not told or {"message", "messagestatus"} <= told
        return CallbackState.OURS if is_whole else CallbackState.PARTIAL
    _before, path, secret = url.partition(PATH)
    here = urlsplit(settings.PUBLIC_URL or "").netloc
    same_host = bool(here) and urlsplit(url).netloc == here
    if path and (same_host or secret.strip("/") in settings.WEBHOOK_SECRET):
        return CallbackState.STALE
    return CallbackState.FOREIGN


async def look(chatapp: ChatApp) -> None:
    """Asks what is registered and keeps it. Raises errors of the API."""
    registered = await chatapp.callbacks()
    await in_orm(_keep, registered, timezone.now())


async def register(chatapp: ChatApp, line: Line, *, replace: str = "") -> None:
    """Registers our address for a line, and keeps what came of it.

    Raises ForeignCallback when another program's address is registered and `replace`
    does not name it, and errors of the API.
    """
    seen = await _seen_now(chatapp, line)
    foreign = seen.callback_state == CallbackState.FOREIGN
    if foreign and replace != seen.callback_url:
        raise ForeignCallback(seen.callback_url)
    try:
        await chatapp.put_callback(_key(line), expected_url())
    except ChatAppError as error:
        await in_orm(_keep_error, line.pk, error, timezone.now())
        raise
    # That it was refused before is over only when it is seen to be registered.
    await in_orm(Line.objects.filter(pk=line.pk).update, callback_is_wanted=True)
    if (await _seen_now(chatapp, line)).callback_state in _TO_REGISTER:
        # Else it would be registered again every minute.
        not_kept = ChatAppError("callback_not_kept", noop("ChatApp did not keep it."))
        await in_orm(_keep_error, line.pk, not_kept, timezone.now())


async def remove(chatapp: ChatApp, line: Line) -> None:
    """Takes our address away from a line, so that it does not come back by itself.

    Raises ForeignCallback when another program's is registered by now, and errors of
    the API.
    """
    seen = await _seen_now(chatapp, line)
    if seen.callback_state == CallbackState.FOREIGN:
        raise ForeignCallback(seen.callback_url)
    await chatapp.delete_callback(_key(line))
    await in_orm(_keep_unwanted, line.pk)
    await look(chatapp)


def forget_what_was_seen() -> None:
    """Has the worker look at once: what is registered may be another address by now."""
    Line.objects.update(
        callback_state=CallbackState.UNKNOWN,
        callback_url="",
        callback_events="",
        callback_checked_at=None,
    )


async def ensure_callbacks(chatapp: ChatApp) -> None:
    """Registers what is missing or out of date, on lines that can send.

    For a cron job: what goes wrong is logged, and a later run tries again. Another
    program's address is left alone.
    """
    if not expected_url():
        return
    try:
        due = await in_orm(_due_lines, timezone.now())
        if not due:
            return
        await look(chatapp)
        for line in await in_orm(_to_register, timezone.now(), due):
            await _register_quietly(chatapp, line)
    except (ChatAppError, OperationalError) as error:
        logger.warning("the callbacks were not looked at: %s", error)


async def _register_quietly(chatapp: ChatApp, line: Line) -> None:
    """One line's refusal must not keep the others from theirs."""
    with about(line=line.pk):
        try:
            await register(chatapp, line)
        except ForeignCallback:
            logger.warning("the line's callback is another program's")
        except ChatAppError as error:
            logger.warning("the line's callback is not registered: %s", error)
        else:
            logger.info("the line's callback is registered")


async def _seen_now(chatapp: ChatApp, line: Line) -> Line:
    await look(chatapp)
    return await in_orm(Line.objects.get, pk=line.pk)


def _key(line: Line) -> LineKey:
    return LineKey(line.licence_id, line.messenger)


def _mark() -> str:
    """Changes when the address or the secret does, and tells neither."""
    return hashlib.sha256(expected_url().encode()).hexdigest()[:32]


def _due_lines(now: datetime) -> list[int]:
    if not Account.objects.filter(pk=1).exclude(sealed_access="").exists():
        return []
    lines = [line for line in _usable(now) if line.callback_is_wanted]
    return [line.pk for line in lines if _line_is_due(line, now)]


def _line_is_due(line: Line, now: datetime) -> bool:
    if line.callback_checked_at is None or line.callback_mark != _mark():
        return True
    return now - line.callback_checked_at > _patience(line, line.callback_checked_at)


def _patience(line: Line, last: datetime) -> timedelta:
    if not line.callback_code:
        # Whoever looked: what was found missing is registered at the next run.
        is_well = line.callback_state not in _TO_REGISTER
        return CHECKED_EVERY if is_well else timedelta()
    refused_for = last - (line.callback_refused_at or last)
    return min(max(refused_for, TRIED_AGAIN_FIRST), TRIED_AGAIN_LAST)


def _usable(now: datetime) -> list[Line]:
    return [line for line in Line.objects.all() if not why_unusable(line, now)]


def _to_register(now: datetime, due: Collection[int]) -> list[Line]:
    """What was due, and what has just been found missing: not what waits its time."""
    return [
        line
        for line in _usable(now)
        if line.callback_is_wanted and line.callback_state in _TO_REGISTER
        if line.pk in due or not line.callback_code
    ]


def _keep(registered: Sequence[CallbackUrl], now: datetime) -> None:
    by_line = {(one.licence_id, one.messenger): one for one in registered}
    for line in Line.objects.all():
        found = by_line.get((line.licence_id, line.messenger))
        url, events = (found.url, found.events) if found else ("", ())
        state = state_of(url, events)
        # A refusal is shown until it is overcome.
        is_well = state == CallbackState.OURS
        Line.objects.filter(pk=line.pk).update(
            callback_state=state,
            # Behind our path there may be a secret even on another program's host.
            callback_url=shown(url)[:URL_LENGTH],
            callback_events=", ".join(events)[:200],
            callback_checked_at=now,
            callback_mark=_mark(),
            callback_refused_at=None if is_well else line.callback_refused_at,
            callback_code="" if is_well else line.callback_code,
            callback_text="" if is_well else line.callback_text,
        )


def _keep_unwanted(pk: int) -> None:
    Line.objects.filter(pk=pk).update(
        callback_is_wanted=False,
        callback_refused_at=None,
        callback_code="",
        callback_text="",
    )


def _keep_error(pk: int, error: ChatAppError, now: datetime) -> None:
    Line.objects.filter(pk=pk).update(
        callback_checked_at=now,
        callback_refused_at=Coalesce("callback_refused_at", now),
        callback_code=error.code[:100],
        callback_text=error.text[:500],
    )
