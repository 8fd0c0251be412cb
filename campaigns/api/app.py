"""The API's addresses, its document, and its answer to every error."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from django.core.exceptions import ObjectDoesNotExist, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, URLResolver
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.operation import Operation

from asgi_app.context import program_version
from asgi_app.giving_way import is_busy
from campaigns.api import campaigns, lines, lists, messages, orders, phones, queue
from campaigns.api.faults import invalid
from campaigns.api.guard import BasicAuth
from campaigns.api.once import HEADER, LONGEST_KEY, REPLAYED
from campaigns.api.problems import KINDS, MEDIA_TYPE, Problem, kind_of
from campaigns.api.wire import Parser, Renderer, knows_its_query
from campaigns.refusal_words import in_words
from campaigns.refusals import CampaignError

logger = logging.getLogger(__name__)
E = TypeVar("E", bound=Exception)

_ABOUT = """
All that the pages can do, for programs. Errors are problem details (RFC 9457) with a
`code`; lists come in pages, `next` leads on. Whatever changes something may carry an
`Idempotency-Key`: the same key does it once and tells the same answer again for 24
hours; an error leaves the key free. HEAD is answered as GET, without the body. No text
that is sent may hold the character NUL. Texts for people come in the language that
`Accept-Language` asks for.
Files for Excel: `/campaigns/{id}/export.csv` and `.xlsx`, with the same password.
""".strip()
_KEY = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "description": "Does it once, however often it is asked for.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
}
_REPLAYED = {
    "description": "Was told before, to the same key.",
    "schema": {"type": "string", "const": "true"},
}
_PLACE = {
    "description": "The address of what was made.",
    "required": True,
    "schema": {"type": "string"},
}
_PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": sorted(KINDS)},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {
                    "field": {
                        "type": "string",
                        "description": "As it was asked: `phones[0].values.name`.",
                    },
                    "detail": {"type": "string"},
                },
            },
        },
        "more_errors": {
            "type": "integer",
            "description": "So many more are wrong than `errors` tells.",
        },
    },
}


class _Api(NinjaAPI):
    @property
    def urls(self) -> tuple[list[URLResolver | URLPattern], str, str]:
        """The routes, of which Ninja's root, which leads nowhere, asks for no token."""
        routes, app, namespace = super().urls
        for route in routes:
            if isinstance(route, URLPattern) and route.name == "api-root":
                route.callback = csrf_exempt(route.callback)
        return routes, app, namespace

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__


api = _Api(
    title="WhatsApp campaigns",
    version=program_version(),
    description=_ABOUT,
    # Its pages with scripts would need a policy of their own.
    docs_url=None,
    openapi_url=None,
    auth=BasicAuth(),
    renderer=Renderer(),
    parser=Parser(),
    urls_namespace="api",
)
api.add_decorator(knows_its_query, mode="view")
api.add_router("/campaigns", campaigns.router)
api.add_router("/campaigns", lists.router)
api.add_router("/campaigns", orders.router)
api.add_router("/campaigns", messages.router)
api.add_router("/lines", lines.router)
api.add_router("", phones.router)
api.add_router("/queue", queue.router)


@api.get("/openapi.json", include_in_schema=False)
async def openapi(request: HttpRequest) -> HttpResponse:
    return HttpResponse(document(), content_type="application/json")


@api.get("/problems", include_in_schema=False)
async def problems(request: HttpRequest) -> HttpResponse:
    """Every kind of problem, by its code."""
    kinds = {
        code: {"status": kind.status, "title": str(kind.title)}
        for code, kind in KINDS.items()
    }
    return JsonResponse(kinds, json_dumps_params={"ensure_ascii": False})


@cache
def document() -> str:
    """The OpenAPI document, with what all operations have in common."""
    schema: dict[str, Any] = api.get_openapi_schema(path_prefix="api/")
    schema["components"]["schemas"]["Problem"] = _PROBLEM
    problem = {
        "description": "Problem",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for operations in schema["paths"].values():
        for method, operation in operations.items():
            if method != "get":
                operation["parameters"].append(_KEY)
                for status, response in operation["responses"].items():
                    made = {"Location": _PLACE} if int(status) == 201 else {}
                    response["headers"] = {REPLAYED: _REPLAYED, **made}
            operation["responses"] |= {"4XX": problem, "5XX": problem}
    return json.dumps(schema)


def _handles(
    error: type[E],
) -> Callable[[Callable[[E], Problem]], Callable[[E], Problem]]:
    """Registers which problem an error is."""

    def register(problem_of: Callable[[E], Problem]) -> Callable[[E], Problem]:
        def answer(request: HttpRequest, raised: E | type[E]) -> HttpResponse:
            assert isinstance(raised, error)
            return problem_of(raised).answer()

        api.add_exception_handler(error, answer)
        return problem_of

    return register


@_handles(Problem)
def _as_it_is(problem: Problem) -> Problem:
    return problem


@_handles(CampaignError)
def _refused(error: CampaignError) -> Problem:
    return Problem(kind_of(error), in_words(error))


@_handles(ObjectDoesNotExist)
def _gone(_error: ObjectDoesNotExist) -> Problem:
    return Problem("not_found")


@_handles(Http404)
def _unknown(_error: Http404) -> Problem:
    return Problem("not_found")


@_handles(ValidationError)
def _invalid(error: ValidationError) -> Problem:
    return invalid(error.errors)


@_handles(HttpError)
def _unreadable(error: HttpError) -> Problem:
    """What Ninja answers when the parser has failed, which says where it did."""
    cause = error.__cause__
    if isinstance(cause, Problem):
        return cause
    where = re.search(r"line (\d+) column (\d+)$", str(cause))
    if where is None:
        return Problem("bad_request", _("The body is not JSON."))
    said = _("The body is not JSON: see line %(line)s, column %(column)s.")
    return Problem("bad_request", said % {"line": where[1], "column": where[2]})


@_handles(RequestDataTooBig)
def _too_big(_error: RequestDataTooBig) -> Problem:
    return Problem("too_big")


@_handles(OperationalError)
def _away(error: OperationalError) -> Problem:
    if is_busy(error):
        logger.warning("the API waited for others in vain: %s", error)
        return Problem("busy", headers={"Retry-After": "5"})
    logger.warning("the API does without the database: %s", error)
    return Problem("database_away", headers={"Retry-After": "5"})


@_handles(InterfaceError)
def _cut_off(error: InterfaceError) -> Problem:
    logger.warning("the API lost the database: %s", error)
    return Problem("database_away", headers={"Retry-After": "5"})


@_handles(Exception)
def _mistake(error: Exception) -> Problem:
    logger.error("the API has failed", exc_info=error)
    return Problem("error")
