"""The answers that knobs give instead of the right one."""

from __future__ import annotations

from dataclasses import replace

from chatapp.sandbox.errors import ApiError
from chatapp.sandbox.knobs import Kind, Knob
from chatapp.sandbox.wire import Ending, Response, error_response, json_response, ok

_ENDINGS = {
    Kind.HANG_BEFORE: Ending.HANG,
    Kind.CLOSE_BEFORE: Ending.CLOSE,
    Kind.RESET_BEFORE: Ending.RESET,
    Kind.HANG: Ending.HANG,
    Kind.CLOSE_AFTER: Ending.CLOSE,
    Kind.RESET_AFTER: Ending.RESET,
    Kind.HALF_ANSWER: Ending.HALF,
}
_PAGE = "<!doctype html><title>{0}</title><h1>{0}</h1><hr>nginx"


def before(knob: Knob) -> Response:
    """The answer to a request that is not even looked at."""
    if knob.kind in _ENDINGS:
        return Response(ending=_ENDINGS[knob.kind])
    return _html(knob.status or 502, "Bad Gateway")


def rate_limited(knob: Knob, language: str) -> Response:
    """429, with Retry-After if the knob has one."""
    headers = {"retry-after": knob.retry_after} if knob.retry_after else None
    return error_response(ApiError("ApiRateLimitError", headers=headers), language)


def refusal(knob: Knob, language: str) -> Response:
    """The answer to a request that is understood and not done."""
    code = knob.code or "ApiSandboxRefusedError"
    message = knob.message or "Refused by a knob of the sandbox"
    match knob.kind:
        case Kind.NOT_ON_WHATSAPP:
            return error_response(ApiError("ApiChatNotFoundError"), language)
        case Kind.HTML_ERROR:
            return _html(knob.status or 403, "Forbidden")
        case Kind.STRING_ERROR:
            data = {"success": False, "error": message}
            status = knob.status or 400
            return json_response(data, status=status, note="error as a string")
    error = {"code": code, "message": message}
    status = 200 if knob.kind is Kind.SUCCESS_FALSE else knob.status or 400
    data_ = {"success": False, "error": error}
    note = f"success:false {code}" if knob.kind is Kind.SUCCESS_FALSE else code
    return json_response(data_, status=status, note=note)


def after(knob: Knob, response: Response) -> Response:
    """The answer to a request that was done, bent by the knob."""
    match knob.kind:
        case Kind.ERROR_AFTER:
            return _html(knob.status or 502, "Bad Gateway")
        case Kind.NO_ID:
            return replace(ok({}), note="without an id")
        case Kind.NOT_JSON:
            page = Response(body=b"<html>ok</html>", content_type="text/html")
            return replace(page, note="not JSON")
    return replace(response, ending=_ENDINGS[knob.kind])


def _html(status: int, title: str) -> Response:
    return Response(
        status=status,
        body=_PAGE.format(f"{status} {title}").encode(),
        content_type="text/html",
        note="HTML",
    )
