"""How requests are read, and answers written: strictly, as the document says."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from functools import wraps
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from ninja import parser, renderers
from ninja.operation import Operation
from pydantic_core import from_json, to_json

from campaigns.api.faults import LONGEST_PATH, several
from campaigns.api.problems import Fault, Problem

Run = Callable[..., Awaitable[HttpResponseBase]]


class Renderer(renderers.BaseRenderer):
    """Writes times as kept answers have them: Ninja's own would cut microseconds."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> Any:
        return to_json(data)


class Parser(parser.Parser):
    """Reads JSON as it is defined: no NaN, no half of a character, no name twice.

    The standard library takes the first two, and no database does. Of two values under
    one name it keeps the last, and nobody knows which of them was meant. No text may
    hold NUL: the forms take none either.
    """

    def parse_body(self, request: HttpRequest) -> Any:
        from_json(request.body, allow_inf_nan=False)
        told = json.loads(request.body, object_pairs_hook=_each_name_once)
        # JSON writes it in no other way.
        if rb"\u0000" in request.body and (faults := list(_with_nul(told, ""))):
            raise several(faults)
        return told


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) == len(pairs):
        return told
    seen: set[str] = set()
    for name, _value in pairs:
        if name in seen:
            break
        seen.add(name)
    said = _("The name “%(name)s” stands more than once in an object.")
    raise Problem("bad_request", said % {"name": name[:LONGEST_PATH]})


def _with_nul(told: Any, path: str) -> Iterator[Fault]:
    """A fault for each text, and for each name, that holds NUL."""
    if isinstance(told, str) and "\0" in told:
        yield Fault(path[:LONGEST_PATH], _("It must not hold the character NUL."))
    elif isinstance(told, list):
        for place, item in enumerate(told):
            yield from _with_nul(item, f"{path}[{place}]")
    elif isinstance(told, dict):
        for name, value in told.items():
            inner = f"{path}.{name}" if path else name
            yield from _with_nul(name, inner)
            yield from _with_nul(value, inner)


def knows_its_query(run: Run) -> Run:
    """Refuses parameters that the operation does not have: a typo would find all."""
    operation: Operation = run.__self__  # type: ignore[attr-defined]
    known = {
        name
        for model in operation.models
        if model.__ninja_param_source__ == "query"
        for name in model.__ninja_flatten_map__
    }

    @wraps(run)
    async def checked(request: HttpRequest, **path: Any) -> HttpResponseBase:
        faults = []
        for name, told in request.GET.lists():
            if name not in known:
                faults.append(Fault(name[:LONGEST_PATH], _("There is no such field.")))
            elif len(told) > 1:
                faults.append(Fault(name, _("It is given more than once.")))
            else:
                faults += _with_nul(told[0], name)
        return several(faults).answer() if faults else await run(request, **path)

    return checked
