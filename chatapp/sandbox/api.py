"""The endpoints of the API."""

from __future__ import annotations

import secrets
import uuid
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from chatapp.sandbox import faults, licences, routes
from chatapp.sandbox.errors import ApiError
from chatapp.sandbox.events import message_item
from chatapp.sandbox.knobs import AFTER, BEFORE, REFUSALS, Endpoint, Kind, Knob
from chatapp.sandbox.limits import RateLimit
from chatapp.sandbox.parts import Parts
from chatapp.sandbox.record import Send
from chatapp.sandbox.routes import Target
from chatapp.sandbox.wire import Request, Response, error_response, ok

MAX_TEXT = 4096
MAX_HISTORY = 100
OPEN = (Endpoint.TOKENS, Endpoint.REFRESH)


@dataclass(slots=True)
class Call:
    """A request on its way, and the message it became if it was accepted."""

    request: Request
    target: Target
    language: str
    send: Send | None = None


class Api:
    """Answers the requests under ``/v1/``, as the knobs let it."""

    def __init__(self, parts: Parts) -> None:
        self._store = parts.store
        self._tokens = parts.tokens
        self._record = parts.record
        self._callbacks = parts.callbacks
        self._knobs = parts.knobs
        self._limit = RateLimit(parts.options.rate_limit)
        self._handlers: dict[Endpoint, Callable[[Call], Awaitable[Response]]] = {
            Endpoint.SEND: self._send,
            Endpoint.TOKENS: self._log_in,
            Endpoint.REFRESH: self._refresh,
            Endpoint.CHECK: self._check,
            Endpoint.LICENSES: self._licences,
            Endpoint.PHONE_CHECK: self._phone_check,
            Endpoint.HISTORY: self._history,
            Endpoint.CALLBACK_PUT: self._callback_put,
            Endpoint.CALLBACK_DELETE: self._callback_delete,
            Endpoint.CALLBACK_LIST: self._callback_list,
        }

    async def answer(self, request: Request) -> Response:
        """Answer a request; a text is in the record before it is answered."""
        language = request.headers.get("lang", "")
        try:
            target = routes.find(request.method, request.path)
        except ApiError as error:
            return error_response(error, language)
        call = Call(request, target, language)
        try:
            response = await self._handle(call)
        except ApiError as error:
            response = error_response(error, language)
        if target.endpoint is Endpoint.SEND:
            self._note(call, response)
        if knob := self._take(call, Kind.DELAY):
            response = replace(response, delay_s=knob.seconds)
        return response

    async def _handle(self, call: Call) -> Response:
        if not self._limit.allows(call.request.client):
            raise ApiError("ApiRateLimitError", headers={"retry-after": "1"})
        if knob := self._take(call, Kind.RATE_LIMIT):
            return faults.rate_limited(knob, call.language)
        if knob := self._take(call, *BEFORE):
            return faults.before(knob)
        endpoint = call.target.endpoint
        if endpoint not in OPEN:
            self._tokens.check(call.request.headers.get("authorization", ""))
        # The check of a phone is not refused for it, it answers exist:false.
        spared = (Kind.NOT_ON_WHATSAPP,) if endpoint is Endpoint.PHONE_CHECK else ()
        if knob := self._take(call, *(kind for kind in REFUSALS if kind not in spared)):
            return faults.refusal(knob, call.language)
        response = await self._handlers[endpoint](call)
        if knob := self._take(call, *AFTER):
            return faults.after(knob, response)
        return response

    def _take(self, call: Call, *kinds: Kind) -> Knob | None:
        return self._knobs.take(kinds, call.target.endpoint, call.target.phone)

    def _note(self, call: Call, response: Response) -> None:
        """Keep a text that was not accepted, or an answer that was bent."""
        if call.send is None:
            text, tracking = _readable(call.request)
            self._record.add(
                line=call.target.line,
                phone=call.target.phone or call.target.chat,
                text=text,
                tracking=tracking,
                answer=response.described,
            )
        elif response.described != call.send.answer:
            self._record.set_answer(call.send, response.described)

    async def _send(self, call: Call) -> Response:
        target = call.target
        licences.check_line(target.line, to_send=True)
        if not target.phone:
            raise _bad("chatId must be digits, or digits@c.us")
        data = _object(call.request)
        text, tracking = data.get("text"), data.get("tracking")
        if not isinstance(text, str) or not text.strip():
            raise _bad("text must not be empty")
        if len(text) > MAX_TEXT:
            raise _bad(f"text must not be longer than {MAX_TEXT} characters")
        if not (tracking is None or isinstance(tracking, str)):
            raise _bad("tracking must be a string")
        if not _is_clean(text) or not _is_clean(tracking or ""):
            raise _bad("text and tracking must be Unicode")
        with self._store.transaction():
            send = self._record.add(
                line=target.line,
                phone=target.phone,
                text=text,
                tracking=tracking,
                message_id=_new_id(target.line.messenger),
                answer="200",
            )
            plan = self._callbacks.plan(send)
        call.send = send
        await self._callbacks.follow(plan)
        return ok({"id": send.message_id, "chatId": f"{send.phone}@c.us"})

    async def _log_in(self, call: Call) -> Response:
        data = _object(call.request)
        given = [data.get(name) for name in ("email", "password", "appId")]
        email, password, app_id = (
            "" if value is None else str(value) for value in given
        )
        if not (email and password and app_id):
            raise _bad("email, password and appId are required")
        if not all(map(_is_clean, (email, app_id))):
            raise _bad("email and appId must be Unicode")
        return ok(self._tokens.log_in(email, password, app_id))

    async def _refresh(self, call: Call) -> Response:
        return ok(self._tokens.refresh(call.request.headers.get("refresh", "")))

    async def _check(self, call: Call) -> Response:
        return ok({})

    async def _licences(self, call: Call) -> Response:
        bare = self._take(call, Kind.BARE_LICENSES) is not None
        string_ids = self._take(call, Kind.STRING_IDS) is not None
        return ok(licences.listed(bare=bare, string_ids=string_ids))

    async def _phone_check(self, call: Call) -> Response:
        licences.check_line(call.target.line)
        phone = call.target.phone
        if not phone:
            raise _bad("phone must be digits")
        if self._take(call, Kind.NOT_ON_WHATSAPP):
            return ok({"exist": False, "chatId": None})
        return ok({"exist": True, "chatId": f"{phone}@c.us"})

    async def _history(self, call: Call) -> Response:
        licences.check_line(call.target.line)
        query = call.request.query
        limit = _number(query, "limit") or MAX_HISTORY
        if not 1 <= limit <= MAX_HISTORY:
            raise _bad(f"limit must be between 1 and {MAX_HISTORY}")
        found = self._record.chat(
            call.target.line,
            call.target.phone,
            limit=limit + 1,
            newer=query.get("direction") == "next",
            cursor=_number(query, "nextPage"),
            last_time=_number(query, "lastTime"),
        )
        page = found[:limit]
        more = str(page[-1].seq) if len(found) > limit else None
        return ok({"items": [message_item(one) for one in page], "nextPage": more})

    async def _callback_put(self, call: Call) -> Response:
        licences.check_line(call.target.line)
        data = _object(call.request)
        url, events = data.get("url"), data.get("events")
        if not (isinstance(url, str) and url.startswith(("http://", "https://"))):
            raise _bad("url must be an http or https address")
        if not (isinstance(events, list) and events) or not all(
            isinstance(event, str) for event in events
        ):
            raise _bad("events must be a list of names")
        await self._callbacks.register(call.target.line, url, events)
        return ok({})

    async def _callback_delete(self, call: Call) -> Response:
        licences.check_line(call.target.line)
        self._callbacks.urls.delete(call.target.line)
        return ok({})

    async def _callback_list(self, call: Call) -> Response:
        return ok(self._callbacks.urls.listed())


def _bad(message: str) -> ApiError:
    return ApiError("ApiInvalidParameterError", message)


def _object(request: Request) -> dict[str, Any]:
    data = request.json()
    if not isinstance(data, dict):
        raise _bad("The body must be a JSON object")
    return data


def _number(query: dict[str, str], name: str) -> int | None:
    value = query.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 16):
        raise _bad(f"{name} must be a number")
    return int(value)


def _is_clean(text: str) -> bool:
    """Whether a text has no half of a surrogate pair, which JSON can carry."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _readable(request: Request) -> tuple[str, str | None]:
    """The text and tracking of a refused request, as far as it has any."""
    try:
        data = request.json()
    except ApiError:
        return "", None
    if not isinstance(data, dict):
        return "", None
    text, tracking = (
        value.encode("utf-8", "replace").decode() if isinstance(value, str) else None
        for value in (data.get("text"), data.get("tracking"))
    )
    return text or "", tracking


def _new_id(messenger: str) -> str:
    match messenger:
        case "grWhatsApp":
            return "3EB0" + secrets.token_hex(9).upper()
        case "caWhatsApp":
            return "wamid." + b64encode(secrets.token_bytes(30)).decode()
    return str(uuid.uuid4())
