"""The page on which a line's rules are set."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from asgi_app.database import in_orm
from asgi_app.middleware import operator_of
from campaigns.line_rules import ChangedMeanwhile, read_for_edit, save_rules
from campaigns.rules_forms import RulesForm
from campaigns.views import require_page_or_post, ring
from chatapp.models import Line


@require_page_or_post
async def rules(request: HttpRequest, line_id: int) -> HttpResponse:
    """Shows the rules; what is saved holds from the next message on."""
    try:
        line, rules, seen = await in_orm(read_for_edit, line_id=line_id)
    except Line.DoesNotExist as error:
        raise Http404 from error
    data = request.POST if request.method == "POST" else None
    form = RulesForm(data, rules=rules, seen=seen, today=timezone.localdate())
    status, trouble = 200, ""
    if data is not None:
        if form.is_valid():
            try:
                await in_orm(
                    save_rules,
                    line_id=line_id,
                    rules=form.rules,
                    seen=form.cleaned_data["seen"],
                    operator=operator_of(request),
                )
            except ChangedMeanwhile as error:
                status = 409
                trouble = _(
                    "%(by)s has saved other rules meanwhile. What you typed is kept: "
                    "please open the page anew beside it, and compare."
                ) % {"by": error.by}
            else:
                await ring(request, line_id)
                return redirect("campaigns:line", line_id)
        else:
            status = 422
    ctx = {"form": form, "line": line, "rules": rules, "trouble": trouble}
    return render(request, "campaigns/rules.html", ctx, status=status)
