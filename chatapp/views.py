"""The Connect page: the account, its tokens, its lines.

The only pages that talk to ChatApp: the operator waits for the answer. What was begun
is finished when the browser goes away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from asgi_app.database import in_orm
from asgi_app.middleware import operator_of
from chatapp import lines
from chatapp.accounts import Refusal
from chatapp.callbacks import CallbackState, expected_url, shown
from chatapp.client import ChatApp
from chatapp.errors import ChatAppError
from chatapp.finisher import Finisher
from chatapp.forms import ConnectForm
from chatapp.models import Line, why_unusable
from chatapp.selftest import Hop
from chatapp.tokens import TokenStore
from chatapp.words import explain, translated

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

NOTICES: dict[str, StrOrPromise] = {
    "connected": _("The account is connected, and its lines are listed below."),
    "connected-without-lines": _(
        "The account is connected. Its lines could not be fetched yet; "
        "please try “Fetch the lines again” in a minute."
    ),
    "fetched": _("The lines are as ChatApp lists them now."),
    "chosen": _("New campaigns use the chosen line."),
    "looked": _("The callbacks are as ChatApp has them now."),
    "registered": _("ChatApp tells this program from now on what becomes of messages."),
    "removed": _("ChatApp does not call this program for that line any more."),
}

work = Finisher()


class Resources(Protocol):
    """What these pages need of the process that serves them."""

    @property
    def tokens(self) -> TokenStore: ...

    @property
    def chatapp(self) -> ChatApp: ...

    async def callbacks_counted(self, kind: str) -> tuple[int, datetime | None]: ...


@dataclass(frozen=True)
class Trouble:
    """An error as the page shows it: in words, then as ChatApp put it."""

    words: StrOrPromise
    code: str = ""
    text: str = ""

    @classmethod
    def told(cls, code: str, text: str) -> Trouble:
        text = translated(text)
        return cls(explain(code, text), code, text)

    @classmethod
    def of(cls, error: ChatAppError) -> Trouble:
        return cls.told(error.code, error.text)

    @classmethod
    def of_refusal(cls, refusal: Refusal) -> Trouble:
        return cls.told(refusal.code, refusal.text)


@require_safe
async def connect(request: HttpRequest) -> HttpResponse:
    notice = NOTICES.get(request.GET.get("notice", ""))
    return await page(request, notice=notice)


@sensitive_post_parameters("password")
@require_POST
async def connect_account(request: HttpRequest) -> HttpResponse:
    form = ConnectForm(request.POST)
    if not form.is_valid():
        return await page(request, form=form)
    task = _connect(resources_of(request), form.cleaned_data, operator_of(request))
    try:
        notice = await asyncio.shield(work.start(task))
    except ChatAppError as exc:
        return await page(request, form=form, trouble=Trouble.of(exc))
    return back(notice)


@require_POST
async def fetch_lines(request: HttpRequest) -> HttpResponse:
    task = lines.fetch_lines(resources_of(request).chatapp)
    try:
        await asyncio.shield(work.start(task))
    except ChatAppError as exc:
        return await page(request, trouble=Trouble.of(exc))
    return back("fetched")


@require_POST
async def choose_line(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        await in_orm(lines.choose, pk, by=operator_of(request), now=timezone.now())
    except Line.DoesNotExist as exc:
        raise Http404 from exc
    except lines.LineNotUsable as exc:
        words = _("This line cannot be chosen: %(why)s.") % {"why": exc.why.label}
        return await page(request, trouble=Trouble(words))
    return back("chosen")


async def _connect(resources: Resources, typed: dict[str, str], by: str) -> str:
    await resources.tokens.connect(
        email=typed["email"],
        password=typed["password"],
        app_id=typed["app_id"],
        by=by,
    )
    try:
        await lines.fetch_lines(resources.chatapp)
    except ChatAppError:
        # The worker fetches them soon; the log-in must not look like a failure.
        return "connected-without-lines"
    return "connected"


async def page(
    request: HttpRequest,
    *,
    form: ConnectForm | None = None,
    notice: StrOrPromise | None = None,
    trouble: Trouble | None = None,
    hops: Sequence[Hop] = (),
) -> HttpResponse:
    now = timezone.now()
    status = await resources_of(request).tokens.status()
    known = [(line, why_unusable(line, now)) for line in await in_orm(lines.all_lines)]
    initial = {"email": status.email, "app_id": status.app_id}
    ctx = {
        "now": now,
        "status": status,
        "refusal": status.refusal and Trouble.of_refusal(status.refusal),
        "lines": known,
        "callbacks": [
            (line, CallbackState(line.callback_state), _refusal_of(line))
            for line, _why in known
            if line.is_listed
        ],
        "callback_url": shown(expected_url()),
        "hops": hops,
        "form": form or ConnectForm(initial=initial),
        "notice": notice,
        "trouble": trouble,
    }
    is_wrong = trouble is not None or (form is not None and not form.is_valid())
    return render(request, "chatapp/connect.html", ctx, status=422 if is_wrong else 200)


def _refusal_of(line: Line) -> Trouble | None:
    """Why ChatApp did not register the line's callback."""
    code, text = line.callback_code, line.callback_text
    return Trouble.told(code, text) if code else None


def back(notice: str) -> HttpResponse:
    return redirect(f"{reverse('chatapp:connect')}?notice={notice}")


def resources_of(request: HttpRequest) -> Resources:
    resources: Resources = request.scope["state"]["resources"]  # type: ignore[attr-defined]
    return resources
