"""ChatApp for the rest of the program: one method an endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext_noop as noop

from chatapp.calls import Answer, Calls, boottime
from chatapp.errors import Unsure
from chatapp.limiter import Limiter
from chatapp.repeats import Requests, TokenSource
from chatapp.types import (
    Accepted,
    CallbackUrl,
    HistoryItem,
    Licence,
    LineKey,
    PhoneCheck,
    as_id,
    mapping,
    read_callbacks,
    read_history,
    read_licences,
)

__all__ = ["ChatApp", "TokenSource"]

MESSAGE_ID_LIMIT = 255


class ChatApp:
    """The API of ChatApp, under the shared rate limit.

    Every method raises errors of `chatapp.errors`, never TokenRefused: a token that is
    refused even after its renewal is a TokenUnavailable, because that is no fault of
    the message. All tries of a call end within 60 s, those of a send by its deadline.
    `clock` must be the one that `calls` has.
    """

    def __init__(
        self,
        calls: Calls,
        tokens: TokenSource,
        limiter: Limiter,
        *,
        clock: Callable[[], float] = boottime,
        tracking: bool = True,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._requests = Requests(calls, tokens, limiter, clock=clock, sleep=sleep)
        self._tracking = tracking

    async def check_token(self) -> bool:
        """Whether the API accepts the token at hand; renews nothing."""
        return await self._requests.is_accepted("GET", "/v1/tokens/check")

    async def licences(self) -> list[Licence]:
        """All licences of the account, also those that are over."""
        return read_licences(_listed(await self._requests.ask("GET", "/v1/licenses")))

    async def check_phone(self, line: LineKey, phone: str) -> PhoneCheck:
        """Asks whether the phone has the line's messenger; costs a request."""
        path = f"{_line_path(line)}/phones/{_digits(phone)}/check"
        answer = await self._requests.ask("GET", path)
        data = mapping(answer.data)
        if not isinstance(data.get("exist"), bool):
            raise _odd(
                answer, noop("The answer does not say whether the phone exists.")
            )
        return PhoneCheck(exists=data["exist"], chat_id=as_id(data.get("chatId")))

    async def send_text(
        self,
        line: LineKey,
        *,
        phone: str,
        text: str,
        tracking: str,
        deadline: float,
        permitted: bool = True,
    ) -> Accepted:
        """Sends a text to a phone (E.164), once: what is Unsure is never repeated.

        The deadline is on the client's clock, and nothing is sent when less than 5 s
        are left to it: OutOfTime. `permitted` says that the caller took the limiter's
        permit for the first try.
        """
        chat_id = _digits(phone)
        body = {"text": text}
        if self._tracking and tracking:
            body["tracking"] = tracking
        answer = await self._requests.ask(
            "POST",
            f"{_line_path(line)}/chats/{chat_id}/messages/text",
            json=body,
            deadline=deadline,
            permitted=permitted,
        )
        data = mapping(answer.data)
        message_id = as_id(data.get("id"))
        if message_id is None or len(message_id) > MESSAGE_ID_LIMIT:
            raise _odd(answer, noop("The answer holds no message id."), "no_message_id")
        return Accepted(
            message_id=message_id,
            chat_id=as_id(data.get("chatId")) or chat_id,
            status=answer.status,
            raw=answer.raw,
            took_ms=answer.took_ms,
        )

    async def put_callback(
        self,
        line: LineKey,
        url: str,
        events: Sequence[str] = ("message", "messageStatus"),
    ) -> None:
        """Registers the line's one callback; the API tries it with an empty POST."""
        body = {"events": list(events), "url": url}
        await self._requests.ask("PUT", f"{_line_path(line)}/callbackUrl", json=body)

    async def delete_callback(self, line: LineKey) -> None:
        """Removes the line's callback."""
        await self._requests.ask("DELETE", f"{_line_path(line)}/callbackUrl")

    async def callbacks(self) -> list[CallbackUrl]:
        """The callbacks of all lines of the account."""
        return read_callbacks(
            _listed(await self._requests.ask("GET", "/v1/callbackUrls"))
        )

    async def history(
        self, line: LineKey, phone: str, *, limit: int = 100
    ) -> list[HistoryItem]:
        """The last messages of a phone's chat, 100 at most, in the API's order."""
        path = f"{_line_path(line)}/chats/{_digits(phone)}/messages?limit={limit}"
        return read_history(_listed(await self._requests.ask("GET", path)))


def _line_path(line: LineKey) -> str:
    licence, messenger = quote(line.licence_id, safe=""), quote(line.messenger, safe="")
    return f"/v1/licenses/{licence}/messengers/{messenger}"


def _digits(phone: str) -> str:
    return "".join(sign for sign in phone if sign in "0123456789")


def _listed(answer: Answer) -> Any:
    """The answer's data, a list of either shape; PHP's empty one may be null."""
    data = answer.data
    is_list = isinstance(data, list) or isinstance(mapping(data).get("items"), list)
    if data is not None and not is_list:
        raise _odd(answer, noop("The answer holds no list."))
    return data


def _odd(answer: Answer, text: str, code: str = "odd_answer") -> Unsure:
    return Unsure(code, text, status=answer.status, raw=answer.raw)
