"""One exchange with ChatApp: a request out, an answer or an error of the tree back."""

from __future__ import annotations

import json as jsonlib
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from django.utils.translation import gettext_noop as noop

from chatapp.errors import (
    RAW_LIMIT,
    ChatAppError,
    NotReached,
    OutOfTime,
    Refused,
    RetryLater,
    TokenRefused,
    Unsure,
)
from chatapp.transport import BodyTooBig
from chatapp.types import TokenPair, as_id, as_text, mapping, read_token_pair

TOKEN_TOTAL_S = 10.0
# What an error text may echo of a request, and no page or log may show.
SECRET_FIELDS = ("password", "url")


def boottime() -> float:
    """Seconds that only go forward; on Linux they count while the machine sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


@dataclass(frozen=True)
class Answer:
    """A success of the API: the envelope's `data` and how it came."""

    data: Any
    status: int
    raw: str
    took_ms: int


class Calls:
    """Knows the API's envelope, statuses and codes, and nothing of tokens kept.

    Raises only errors of `chatapp.errors`. Repeats nothing, logs nothing; `timed` is
    told the HTTP status of each answer, or why there was none, and how long it took.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        language: str = "en",
        clock: Callable[[], float] = boottime,
        timed: Callable[[str, float], None] = lambda code, seconds: None,
    ) -> None:
        self._http = http
        self._timed = timed
        self._language = language
        self._clock = clock

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        total_s: float = 60.0,
        deadline: float | None = None,
    ) -> Answer:
        """Makes one request that takes at most `total_s` seconds from start to end.

        With a `deadline` on the clock nothing is sent past it, however long the wait
        for a connection or the machine's sleep was: OutOfTime.
        """
        sent = {"Lang": self._language, "Accept": "application/json"} | dict(
            headers or {}
        )
        content = None
        if json is not None:
            # ASCII: a lone surrogate in a text could not be encoded otherwise.
            content = jsonlib.dumps(json).encode()
            sent["Content-Type"] = "application/json"

        def check_deadline() -> None:
            if deadline is not None and self._clock() >= deadline:
                raise OutOfTime(
                    "out_of_time", noop("The deadline passed before sending.")
                )

        started = self._clock()
        try:
            response = await self._http.request(
                method,
                path,
                content=content,
                headers=sent,
                extensions={"total_s": total_s, "before_send": check_deadline},
            )
        except httpx.HTTPError as exc:
            failure = _failure(exc)
            self._timed(failure.code, self._clock() - started)
            raise failure from exc
        took_s = self._clock() - started
        self._timed(str(response.status_code), took_s)
        secrets = [
            *(headers or {}).values(),
            *(str((json or {}).get(name, "")) for name in SECRET_FIELDS),
        ]
        data = _read(response, secrets)
        raw = _without(response.content.decode(errors="replace"), secrets)
        return Answer(data, response.status_code, raw[:RAW_LIMIT], int(took_s * 1000))

    async def make_token(self, *, email: str, password: str, app_id: str) -> TokenPair:
        """Logs in, which counts against the API's 100 tokens a day."""
        return await self._token_pair(
            "/v1/tokens",
            json={"email": email, "password": password, "appId": app_id},
        )

    async def refresh_token(self, refresh: str) -> TokenPair:
        """Trades a refresh token for a new pair; whether the old pair dies is unknown.

        A refresh token that is not accepted: Refused, ApiInvalidRefreshTokenError.
        """
        return await self._token_pair(
            "/v1/tokens/refresh", headers={"Refresh": refresh}
        )

    async def _token_pair(
        self,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> TokenPair:
        try:
            answer = await self.call(
                "POST", path, json=json, headers=headers, total_s=TOKEN_TOTAL_S
            )
        except Unsure as exc:
            exc.raw = ""  # It may hold half of a good answer, tokens included.
            raise
        pair = read_token_pair(answer.data)
        if pair is None:
            raise Unsure(
                "odd_answer",
                noop("The answer holds no complete pair of tokens."),
                status=answer.status,
            )
        return pair


def _without(text: str, secrets: Iterable[str]) -> str:
    for secret in filter(None, secrets):
        # PHP's json_encode writes a slash as backslash and slash.
        for written in (secret, secret.replace("/", "\\/")):
            text = text.replace(written, "…")
    return text


def _failure(exc: httpx.HTTPError) -> ChatAppError:
    match exc:
        case httpx.ConnectTimeout():
            return NotReached("connect_timeout", str(exc))
        case httpx.ConnectError():
            return NotReached("not_reached", str(exc))
        case httpx.UnsupportedProtocol():
            return NotReached("bad_address", str(exc))
        case httpx.TimeoutException():
            return Unsure("read_timeout", str(exc))
        case BodyTooBig():
            return Unsure("body_too_big", str(exc))
        case httpx.NetworkError():
            return Unsure("hung_up", str(exc))
        case _:
            return Unsure("not_http", str(exc))


def _read(response: httpx.Response, secrets: Sequence[str]) -> Any:
    """The `data` of a successful answer; anything else raises."""
    status = response.status_code
    try:
        body = jsonlib.loads(response.content)
    except (ValueError, RecursionError):
        body = None
    envelope = mapping(body)
    good = 200 <= status < 300
    if good and "data" in envelope and envelope.get("success") is not False:
        return envelope["data"]
    code, text = _error(envelope)
    text, raw = _without(text, secrets), _without(response.text, secrets)
    if status == 429:
        retry_after = read_retry_after(response.headers)
        code = code or "rate_limited"
        raise RetryLater(code, text, status=status, raw=raw, retry_after=retry_after)
    if 400 <= status < 500 or (good and envelope.get("success") is False):
        invalid = status == 401 or code == "ApiInvalidTokenError"
        kind = TokenRefused if invalid else Refused
        code = code or ("refused" if good else f"http_{status}")
        text = text or noop("ChatApp refused without giving a reason.")
        raise kind(code, text, status=status, raw=raw)
    if not good:
        code = code or f"http_{status}"
        text = text or noop("The HTTP status of the answer is no success.")
        raise Unsure(code, text, status=status, raw=raw)
    if status == 204:
        return None
    if envelope.get("success") is True:
        return None
    code = "not_json" if body is None else "odd_answer"
    text = noop("The answer is not what ChatApp promises.")
    raise Unsure(code, text, status=status, raw=raw)


def _error(envelope: Mapping[str, Any]) -> tuple[str, str]:
    """Code and text of a refusal, whose `error` may be an object, a text or absent."""
    error = envelope.get("error")
    fields = mapping(error)
    code = as_id(fields.get("code")) or as_id(envelope.get("code")) or ""
    text = (
        as_text(fields.get("message"))
        or as_text(error)
        or as_text(envelope.get("message"))
        or ""
    )
    return code, text


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by a Retry-After of seconds or of an HTTP date, else None.

    A date is measured from the answer's own Date, so that our clock need not be right.
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", value):
        return float(value)
    until = _http_date(value)
    if until is None:
        return None
    now = _http_date(headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
