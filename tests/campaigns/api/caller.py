"""A program that asks the API, and holds each answer to the served document."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import jsonschema_rs

from campaigns.api.app import document
from tests.campaigns.browser import Site


@cache
def served() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(document())
    return loaded


@dataclass
class Caller:
    """Anna's program."""

    http: httpx.AsyncClient

    @classmethod
    def at(cls, site: Site) -> Caller:
        return cls(site.http)

    async def get(self, path: str, **params: str) -> Any:
        """The body of a 200."""
        answer = await self.ask("GET", path, params=params or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(
        self, path: str, body: Any = None, *, key: str = "", expected: int = 200
    ) -> Any:
        """The body of the expected answer."""
        headers = {"Idempotency-Key": key} if key else {}
        answer = await self.ask("POST", path, json=body or {}, headers=headers)
        assert answer.status_code == expected, answer.text
        return answer.json()

    async def refused(
        self, method: str, path: str, code: str, **kwargs: Any
    ) -> dict[str, Any]:
        """The problem, which has this code."""
        answer = await self.ask(method, path, **kwargs)
        problem: dict[str, Any] = answer.json()
        assert problem["code"] == code, answer.text
        assert problem["status"] == answer.status_code
        return problem

    async def ask(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        answer = await self.http.request(method, f"/api{path}", **kwargs)
        conforms(method, answer)
        return answer


def conforms(method: str, answer: httpx.Response) -> None:
    """Fails unless the document foresees the answer, its type and its body."""
    operation = _operation(method, answer.request.url.path)
    told = operation["responses"] if operation else {"4XX": _problem()}
    status = str(answer.status_code)
    response = told.get(status) or told.get(f"{status[0]}XX")
    assert response, f"{method} {answer.request.url}: {status} is not foreseen"
    headers = response.get("headers", {})
    for name in ("Location", "Idempotent-Replayed"):
        assert name in headers or name not in answer.headers, name
        assert name in answer.headers or not headers.get(name, {}).get("required"), name
    content = response.get("content")
    if content is None:
        assert not answer.content
        return
    media_type = answer.headers["Content-Type"].partition(";")[0]
    assert media_type in content, (method, answer.request.url, media_type)
    schema = {**content[media_type]["schema"], "components": served()["components"]}
    jsonschema_rs.validate(schema, answer.json())


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for template, operations in served()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            found: dict[str, Any] | None = operations.get(method.lower())
            return found
    return None


def _problem() -> Any:
    return next(iter(served()["paths"].values()))["get"]["responses"]["4XX"]
