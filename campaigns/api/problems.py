"""What went wrong, as problem details (RFC 9457), and which error is which problem."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import async_only_middleware
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from campaigns import refusals

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

logger = logging.getLogger(__name__)
GetResponse = Callable[[HttpRequest], Awaitable[HttpResponseBase]]

ROOT = "/api/"
MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Kind:
    """A kind of problem: its status, and what it is in a sentence."""

    status: int
    title: StrOrPromise


KINDS: Mapping[str, Kind] = {
    "bad_request": Kind(400, lazy("The request cannot be read.")),
    "wrong_host": Kind(400, lazy("This site is not served under that name.")),
    "unauthorized": Kind(401, lazy("A user name and a password are needed.")),
    "foreign_origin": Kind(403, lazy("Pages of other sites may not ask for this.")),
    "not_found": Kind(404, lazy("There is no such thing.")),
    "method_not_allowed": Kind(405, lazy("This address does not take that method.")),
    "too_slow": Kind(408, lazy("The request has come too slowly.")),
    "too_big": Kind(413, lazy("The request is bigger than 10 MB.")),
    "not_json": Kind(415, lazy("The content type must be application/json.")),
    "invalid": Kind(422, lazy("Something in the request is not as it should be.")),
    "key_used_otherwise": Kind(
        422, lazy("This Idempotency-Key was used for another request.")
    ),
    "too_many_requests": Kind(429, lazy("Too many wrong passwords.")),
    "under_way": Kind(
        409, lazy("A request with this Idempotency-Key is still under way.")
    ),
    "not_possible_now": Kind(409, lazy("Its state does not allow that.")),
    "nobody_to_send_to": Kind(409, lazy("There is nobody to send to.")),
    "already_listed": Kind(409, lazy("All of these are on the list already.")),
    "on_stop_list": Kind(409, lazy("The stop list forbids it.")),
    "values_missing": Kind(422, lazy("The text needs values that were not given.")),
    "list_not_in": Kind(409, lazy("The list has not come in whole.")),
    "changed_since_shown": Kind(409, lazy("It has changed since it was read.")),
    "of_no_use_any_more": Kind(409, lazy("Its last moment has passed.")),
    "ends_before_start": Kind(422, lazy("Its last moment is before its start.")),
    "start_is_over": Kind(409, lazy("The time of its start has passed.")),
    "text_cannot_be_sent": Kind(409, lazy("The text cannot be sent.")),
    "line_unusable": Kind(409, lazy("Nothing can be sent through this line now.")),
    "line_needs_test": Kind(
        409, lazy("Deliveries have collapsed: the line should be tried first.")
    ),
    "line_is_looked_through": Kind(
        409, lazy("A backup was put back, and what waits is still looked for.")
    ),
    "line_not_stopped": Kind(409, lazy("This line is not stopped.")),
    "error": Kind(500, lazy("The program has made a mistake; its log has it.")),
    "busy": Kind(
        503, lazy("Others are changing the same for long. Ask again with the same key.")
    ),
    "database_away": Kind(
        503, lazy("The database does not answer. Ask again with the same key.")
    ),
}
_OF_REFUSALS: Mapping[type[refusals.CampaignError], str] = {
    refusals.NotPossibleNow: "not_possible_now",
    refusals.NobodyToSendTo: "nobody_to_send_to",
    refusals.AlreadyListed: "already_listed",
    refusals.OnStopList: "on_stop_list",
    refusals.ValuesMissing: "values_missing",
    refusals.ListNotIn: "list_not_in",
    refusals.ChangedSinceShown: "changed_since_shown",
    refusals.OfNoUseAnyMore: "of_no_use_any_more",
    refusals.HasExpired: "of_no_use_any_more",
    refusals.EditedMeanwhile: "changed_since_shown",
    refusals.EndsBeforeStart: "ends_before_start",
    refusals.StartIsOver: "start_is_over",
    refusals.TextCannotBeSent: "text_cannot_be_sent",
}
_OF_STATUSES = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    413: "too_big",
    429: "too_many_requests",
    500: "error",
}
# Of an answer that becomes a problem, what must not be lost.
_KEPT = ("Allow", "Retry-After", "WWW-Authenticate")


@dataclass(frozen=True)
class Fault:
    """What is wrong with one field; `field` is its path, "" for all of them."""

    field: str
    detail: str


class Problem(Exception):
    """The request is answered with a problem."""

    def __init__(
        self,
        kind: str,
        detail: str = "",
        *,
        faults: Iterable[Fault] = (),
        more: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind)
        self.kind = kind
        self.detail = detail
        self.faults = tuple(faults)
        self.more = more  # so many faults are not told
        self.headers = headers or {}

    def answer(self) -> HttpResponse:
        """The response; `type` is the address of the list of all kinds."""
        kind = KINDS[self.kind]
        said: dict[str, Any] = {
            "type": f"{ROOT}problems#{self.kind}",
            "title": str(kind.title),
            "status": kind.status,
            "code": self.kind,
        }
        if self.detail:
            said["detail"] = self.detail
        if self.faults:
            said["errors"] = [
                {"field": fault.field, "detail": fault.detail} for fault in self.faults
            ]
        if self.more:
            said["more_errors"] = self.more
        return HttpResponse(
            json.dumps(said, ensure_ascii=False),
            status=kind.status,
            content_type=MEDIA_TYPE,
            headers=dict(self.headers),
        )


def kind_of(error: refusals.CampaignError) -> str:
    """The kind of problem that a refusal is."""
    return _OF_REFUSALS[type(error)]


def _is_ours(request: HttpRequest) -> bool:
    try:
        request.get_host()
    except DisallowedHost:
        return False
    return True


@async_only_middleware
def as_problems(get_response: GetResponse) -> GetResponse:
    """Makes problems of what is refused below /api/ before, or beside, the API itself.

    The password, an unknown address, a method, a body that is too big.
    """

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(ROOT):
            return await get_response(request)
        if is_head := request.method == "HEAD":
            # Ninja knows no HEAD.
            request.method = "GET"
        response = _as_problem(request, await get_response(request))
        if is_head:
            cast(HttpResponse, response).content = b""
        return response

    return middleware


def _as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    is_problem = response.headers.get("Content-Type") == MEDIA_TYPE
    if response.status_code < 400 or is_problem:
        return response
    kind = _OF_STATUSES.get(response.status_code, "error")
    detail = ""
    if kind == "bad_request" and not _is_ours(request):
        kind = "wrong_host"
        detail = _("Its names, for the header Host, are those in ALLOWED_HOSTS.")
    elif kind in {"unauthorized", "too_many_requests"}:
        detail = cast(HttpResponse, response).content.decode()
    elif KINDS[kind].status != response.status_code:
        phrase = HTTPStatus(response.status_code).phrase
        logger.error("an answer without a kind: %s", phrase)
    kept = {n: response.headers[n] for n in _KEPT if n in response.headers}
    return Problem(kind, detail, headers=kept).answer()


def refusal(status: int) -> tuple[str, bytes]:
    """The media type and the body for what is refused before Django has it."""
    answer = Problem(_OF_STATUSES[status]).answer()
    return MEDIA_TYPE, answer.content
