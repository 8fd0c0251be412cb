"""The page on which a line that was stopped is tried on one's own phone."""

from __future__ import annotations

import secrets

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from asgi_app.database import in_orm
from asgi_app.middleware import operator_of
from campaigns.confirm_selectors import last_trial_phone
from campaigns.line_tests import read_line_test, start_line_test
from campaigns.models import LineClock
from campaigns.refusals import NotPossibleNow
from campaigns.trial_forms import TrialForm
from campaigns.views import live_page, require_page_or_post, ring

TEXT_LENGTH = 500
KEY_LENGTH = 40


class LineTestForm(TrialForm):
    """The phone, and the text that it gets as it is."""

    text = forms.CharField(
        label=lazy("Text"),
        max_length=TEXT_LENGTH,
        initial=lazy("A test of our line. Please do not mind it."),
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": lazy("Please write a text.")},
    )

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        # Brackets would be variables; here nothing is filled in.
        return text.replace("{", "(").replace("}", ")")


@require_page_or_post
async def line_test(request: HttpRequest, line_id: int) -> HttpResponse:
    operator = operator_of(request)
    key = request.POST.get("key", "")[:KEY_LENGTH]
    data = request.POST if request.method == "POST" else None
    last = await in_orm(last_trial_phone, operator) if data is None else ""
    form = LineTestForm(data, region=settings.PHONE_REGION, last=last)
    status = 200
    try:
        if data is not None and form.is_valid():
            await in_orm(
                start_line_test,
                line_id=line_id,
                phone=form.cleaned_data["phone"],
                text=form.cleaned_data["text"],
                name=_("Test of the line"),
                operator=operator,
                key=key,
            )
            await ring(request, line_id)
            return redirect("campaigns:line-test", line_id)
        found = await in_orm(read_line_test, line_id=line_id)
    except NotPossibleNow:
        return redirect("campaigns:line-test", line_id)
    except LineClock.DoesNotExist as error:
        if data is None:
            raise Http404 from error
        # Somebody has let it go on meanwhile.
        return redirect("campaigns:line", line_id)
    if form.errors:
        status = 422
    ctx = {"it": found, "form": form, "key": key or secrets.token_urlsafe(24)}
    live = found.is_open and data is None
    return live_page(request, "campaigns/line_test.html", ctx, live, status=status)
