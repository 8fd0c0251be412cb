from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django import Settings
from schemathesis.core.result import Ok

from asgi_app.valkey import PrivateValkey
from campaigns.models import Message
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.api.caller import conforms, served
from tests.campaigns.browser import Site, open_site

Operation = schemathesis.APIOperation[Any, Any, Any, Any]


def operations() -> Iterator[Operation]:
    for found in schemathesis.openapi.from_dict(served()).get_all_operations():
        assert isinstance(found, Ok)
        yield found.ok()


EXAMPLES = 25


async def test_the_document_is_served_and_is_openapi(site: Site) -> None:
    answer = await site.get("/api/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    told = answer.json()
    assert told == served()
    assert told["openapi"] == "3.1.0"
    for schema in told["components"]["schemas"].values():
        jsonschema_rs.meta.validate(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        )


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    told = [op for ops in served()["paths"].values() for op in ops.values()]
    assert len({op["operationId"] for op in told}) == len(told)
    assert all(op["summary"] for op in told)


def test_what_changes_something_takes_a_key_and_says_what_it_made() -> None:
    for operations in served()["paths"].values():
        for method, operation in operations.items():
            names = {it["name"] for it in operation["parameters"]}
            assert ("Idempotency-Key" in names) == (method != "get")
            for status, response in operation["responses"].items():
                headers = response.get("headers", {})
                is_done = method != "get" and status in {"200", "201", "204"}
                assert ("Idempotent-Replayed" in headers) == is_done
                assert ("Location" in headers) == (status == "201")


@dataclass
class Running:
    """A site on a loop of its own, and what there is, by the path's parameter."""

    runner: asyncio.Runner
    site: Site
    known: dict[str, list[Any]]


@pytest.fixture
def running(
    valkey: PrivateValkey, transactional_db: None, settings: Settings
) -> Iterator[Running]:
    """The site with a draft and a campaign that runs."""
    settings.REDIS_URL = valkey.url
    line = Line.objects.create(licence_id="1001", messenger="grWhatsApp")
    campaigns = [lists.draft(line, 2), lists.running(line, 2)]
    known: dict[str, list[Any]] = {
        "line_id": [line.pk],
        "campaign_id": [campaign.pk for campaign in campaigns],
        "message_id": list(Message.objects.values_list("pk", flat=True)),
        "digits": ["79990000000"],
    }
    with asyncio.Runner() as runner:
        opening = open_site()
        site = runner.run(opening.__aenter__())
        yield Running(runner, site, known)
        runner.run(opening.__aexit__(None, None, None))


@pytest.mark.parametrize("operation", list(operations()), ids=lambda op: op.label)
def test_whatever_the_document_allows_is_answered_as_it_says(
    running: Running, operation: Operation
) -> None:
    """And what it does not allow is answered with a problem, never with a mistake."""
    modes = schemathesis.GenerationMode

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(
        case=st.one_of(
            operation.as_strategy(generation_mode=modes.POSITIVE),
            operation.as_strategy(generation_mode=modes.NEGATIVE),
        ),
        data=st.data(),
    )
    def ask(case: schemathesis.Case[Operation], data: st.DataObject) -> None:
        for name, known in running.known.items():
            # Else hardly any would be about what there is.
            if name in case.path_parameters and data.draw(st.integers(0, 4)):
                case.path_parameters[name] = data.draw(st.sampled_from(known))
        asked = case.as_transport_kwargs(base_url="http://localhost")
        answer = running.runner.run(
            running.site.http.request(
                asked["method"],
                asked["url"],
                params=asked.get("params"),
                headers=asked.get("headers"),
                json=asked.get("json"),
                content=asked.get("data"),
            )
        )
        assert answer.status_code < 500, answer.text
        conforms(asked["method"], answer)

    ask()


def test_an_answer_that_the_document_does_not_know_fails() -> None:
    """What all tests of the API rest on."""
    request = httpx.Request("GET", "http://localhost/api/lines")
    conforms("GET", httpx.Response(200, request=request, json=[]))
    with pytest.raises(jsonschema_rs.ValidationError):
        conforms("GET", httpx.Response(200, request=request, json=[{}]))
    with pytest.raises(AssertionError):
        conforms("GET", httpx.Response(302, request=request))
