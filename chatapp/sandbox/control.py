"""The control API under ``/sandbox/``, in JSON and by the forms of the pages."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any

from chatapp.sandbox.callbacks import Told
from chatapp.sandbox.errors import ApiError
from chatapp.sandbox.licences import GR_LICENCE_ID, Line, check_line
from chatapp.sandbox.pages import Pages
from chatapp.sandbox.parts import Parts
from chatapp.sandbox.record import PAGE, Send
from chatapp.sandbox.wire import (
    Request,
    Response,
    error_response,
    json_response,
    redirect,
)

Fields = dict[str, Any]
Handler = Callable[[Request, Fields], Awaitable[Any]]
MAX_PAGE = 1000


class Control:
    """Shows what the sandbox was sent, and sets its knobs."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pages = Pages(parts)
        self._shown: dict[str, Callable[[Request], Response]] = {
            "/": self._pages.messages,
            "/knobs": self._pages.knobs,
            "/sandbox/style.css": self._pages.style,
            "/sandbox/state": self._state,
            "/sandbox/sends": self._sends,
            "/sandbox/callbacks": self._told,
            "/sandbox/doubled": self._doubled,
        }
        self._done: dict[tuple[str, str], Handler] = {
            ("POST", "/sandbox/knobs"): self._set_knob,
            ("DELETE", "/sandbox/knobs"): self._clear_knobs,
            # A form cannot DELETE.
            ("POST", "/sandbox/knobs/clear"): self._clear_knobs,
            ("POST", "/sandbox/expire"): self._expire,
            ("POST", "/sandbox/quota"): self._quota,
            ("POST", "/sandbox/incoming"): self._incoming,
            ("POST", "/sandbox/echo"): self._echo,
            ("POST", "/sandbox/status"): self._status,
        }

    async def answer(self, request: Request) -> Response:
        """Answer a request to anything that is not the API."""
        if request.method in ("GET", "HEAD") and request.path in self._shown:
            try:
                return self._shown[request.path](request)
            except (ValueError, OverflowError) as error:
                return json_response({"error": str(error)}, status=422)
        handler = self._done.get((request.method, request.path))
        if handler is None:
            return error_response(ApiError("ApiNotFoundError"), "")
        # A page of somebody else's in the same browser must not turn our knobs.
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return json_response({"error": "from another site"}, status=403)
        try:
            done = await handler(request, _fields(request))
        except ApiError as refused:
            return self._wrong(request, refused.message(""))
        except (ValueError, OverflowError) as error:
            return self._wrong(request, str(error))
        return redirect("/knobs") if request.is_form else json_response(done)

    def _wrong(self, request: Request, message: str) -> Response:
        if request.is_form:
            return self._pages.knobs(request, message=message)
        return json_response({"error": message}, status=422)

    def _state(self, request: Request) -> Response:
        parts = self._parts
        counts = parts.record.counts()
        sends = {
            "total": counts.total,
            "accepted": counts.accepted,
            "refused": counts.refused,
        }
        tokens = {
            "issuedIn24Hours": parts.tokens.issued_today(),
            "alive": parts.tokens.alive(),
            "quotaLeft": parts.tokens.left,
        }
        return json_response(
            {
                "sends": sends,
                "tokens": tokens,
                "callbackUrls": parts.callbacks.urls.listed(),
                "callbacksPending": parts.callbacks.pending(),
                "knobs": [knob.as_json() for knob in parts.knobs.active()],
            }
        )

    def _sends(self, request: Request) -> Response:
        return _page(request, self._parts.record.after)

    def _told(self, request: Request) -> Response:
        return _page(request, self._parts.callbacks.posted)

    def _doubled(self, request: Request) -> Response:
        found = self._parts.record.doubled()
        items = [
            {"phone": phone, "text": text, "times": times}
            for phone, text, times in found
        ]
        return json_response({"items": items})

    async def _set_knob(self, request: Request, fields: Fields) -> Any:
        return self._parts.knobs.set_from(fields).as_json()

    async def _clear_knobs(self, request: Request, fields: Fields) -> Any:
        wanted = request.query.get("id") or fields.get("id")
        self._parts.knobs.clear(int(wanted) if wanted else None)
        return {"knobs": [knob.as_json() for knob in self._parts.knobs.active()]}

    async def _expire(self, request: Request, fields: Fields) -> Any:
        which = fields.get("which", "access")
        if which not in ("access", "both"):
            raise ValueError("which must be access or both")
        self._parts.tokens.expire(refresh=which == "both")
        return {"expired": which}

    async def _quota(self, request: Request, fields: Fields) -> Any:
        left = fields.get("left")
        self._parts.tokens.set_left(None if left is None else int(left))
        return {"quotaLeft": self._parts.tokens.left}

    async def _incoming(self, request: Request, fields: Fields) -> Any:
        line = Line(
            str(fields.get("licenseId", GR_LICENCE_ID)),
            str(fields.get("messenger", "grWhatsApp")),
        )
        check_line(line)
        phone = re.sub(r"[^0-9]", "", str(fields.get("phone", "")))
        text = str(fields.get("text", ""))
        if not phone or not text:
            raise ValueError("phone and text are required")
        return asdict(await self._parts.callbacks.incoming(line, phone, text))

    async def _echo(self, request: Request, fields: Fields) -> Any:
        send = self._found(fields)
        await self._parts.callbacks.echo(send)
        return {"echoed": send.message_id}

    async def _status(self, request: Request, fields: Fields) -> Any:
        send = self._found(fields)
        kind = str(fields.get("type", "delivered"))
        await self._parts.callbacks.status(send, kind, fields.get("error"))
        return {"type": kind, "messageId": send.message_id}

    def _found(self, fields: Fields) -> Send:
        send = self._parts.record.find(str(fields.get("messageId", "")))
        if send is None:
            raise ValueError("no message has this messageId")
        return send


def _page(
    request: Request, read: Callable[[int, int], Sequence[Send | Told]]
) -> Response:
    """A page of a list that is read by key; ``next`` asks for the following one."""
    after = int(request.query.get("after", "0"))
    limit = min(max(int(request.query.get("limit", PAGE)), 1), MAX_PAGE)
    found = read(after, limit)
    following = found[-1].seq if len(found) == limit else None
    items = [asdict(one) for one in found]
    return json_response({"items": items, "next": following})


def _fields(request: Request) -> Fields:
    """What a form or a JSON object says; nothing if the body is empty."""
    if request.is_form:
        return dict(request.form())
    if not request.body:
        return {}
    data = request.json()
    if not isinstance(data, dict):
        raise ValueError("the body must be a JSON object")
    return data
