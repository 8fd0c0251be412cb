from __future__ import annotations

import json
import random
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatapp.events import (
    MOST_ITEMS,
    BadCallback,
    Callback,
    MessageEvent,
    StatusEvent,
    StatusKind,
    parse,
)
from chatapp.sandbox import events as sandbox
from chatapp.sandbox.licences import Line

META: dict[str, Any] = {
    "type": "messageStatus",
    "licenseId": 100,
    "messengerType": "grWhatsApp",
}
AT = datetime(2023, 11, 14, 22, 14, 2, tzinfo=UTC)
CHAT: dict[str, Any] = {"id": "79990000001@c.us", "hash": None, "type": "private"}
ITEM: dict[str, Any] = {
    "id": "BAE5A1B2C3D4E5F6",
    "type": "delivered",
    "time": 1700000042,
    "chat": {**CHAT, "phone": "79990000001", "username": None, "email": None},
    "fromApp": {"id": "app_100_1", "tracking": "m-1"},
    "error": None,
}
MESSAGE: dict[str, Any] = {
    "id": "in.1",
    "internalId": "5",
    "side": "in",
    "fromMe": False,
    "fromApi": False,
    "time": 1700000042,
    "type": "text",
    "message": {"text": "STOP", "caption": None, "file": None},
    "chat": {**CHAT, "phone": "79990000001"},
    "fromApp": None,
}


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def reason(raw: bytes) -> str:
    with pytest.raises(BadCallback) as caught:
        parse(raw)
    return caught.value.reason


def status(item: Any = ITEM, **fields: Any) -> StatusEvent:
    """The event of an item with some fields changed."""
    callback = parse(body({"data": [{**item, **fields}], "meta": META}))
    assert (callback.messages, callback.ignored, callback.bad) == ((), {}, 0)
    return callback.statuses[0]


def message(**fields: Any) -> MessageEvent:
    meta = {**META, "type": "message"}
    callback = parse(body({"data": [{**MESSAGE, **fields}], "meta": meta}))
    assert (callback.statuses, callback.ignored, callback.bad) == ((), {}, 0)
    return callback.messages[0]


def test_it_reads_a_status_as_documented() -> None:
    assert status() == StatusEvent(
        licence_id="100",
        messenger="grWhatsApp",
        message_id="BAE5A1B2C3D4E5F6",
        tracking="m-1",
        kind=StatusKind.DELIVERED,
        type="delivered",
        happened_at=AT,
        phone="79990000001",
        error_code="",
        error_text="",
        raw=json.dumps(ITEM, separators=(",", ":")),
    )


def test_it_reads_a_message_as_documented() -> None:
    assert message() == MessageEvent(
        licence_id="100",
        messenger="grWhatsApp",
        message_id="in.1",
        side="in",
        from_me=False,
        from_api=False,
        tracking="",
        phone="79990000001",
        chat_type="private",
        text="STOP",
        happened_at=AT,
        raw=json.dumps(MESSAGE, separators=(",", ":")),
    )
    own = message(side="out", fromMe=True, fromApi=True, fromApp={"tracking": "m-1"})
    assert (own.side, own.from_me, own.from_api) == ("out", True, True)
    assert own.tracking == "m-1"


def test_it_reads_what_the_sandbox_sends() -> None:
    line = Line("100", "grWhatsApp")
    sent = sandbox.envelope(line, sandbox.STATUS, [ITEM])
    assert parse(body(sent)).statuses == (status(),)


@pytest.mark.parametrize(
    "raw",
    [b"", b" \r\n\t", b"\xef\xbb\xbf", b"{}", b"[]", b" { } ", b"[{}]", b'{"data":[]}'],
)
def test_it_takes_a_probe_for_an_empty_callback(raw: bytes) -> None:
    assert parse(raw) == Callback()


@pytest.mark.parametrize("data", [None, [], {}])
def test_it_takes_an_envelope_without_items_for_an_empty_callback(data: Any) -> None:
    assert parse(body({"data": data, "meta": META})) == Callback()
    assert parse(body({"meta": META})) == Callback()
    assert parse(body({"payload": {"data": data}})) == Callback()


SHAPES: list[Any] = [
    {"data": ITEM, "meta": META},
    {"payload": {"data": [ITEM], "meta": META}},
    {"payload": {"data": ITEM}, "meta": META},
    [{"data": [ITEM], "meta": META}],
    {"data": [ITEM], "meta": {**META, "type": " MESSAGESTATUS "}},
    {"data": [ITEM], "meta": {**META, "licenseId": "100"}},
    {**ITEM, "meta": META},
]


@pytest.mark.parametrize("value", SHAPES)
def test_it_takes_the_envelope_in_each_of_its_shapes(value: Any) -> None:
    found = parse(body(value))
    assert [(event.licence_id, event.kind) for event in found.statuses] == [
        ("100", StatusKind.DELIVERED)
    ]
    assert found.bad == 0


@pytest.mark.parametrize("meta", [None, [], "x", 7, {}, {"type": None}, {"type": ""}])
@pytest.mark.parametrize("wrap", ["data", "list", "bare", "payload"])
def test_it_infers_the_event_without_a_meta(meta: Any, wrap: str) -> None:
    unknown = {"id": "t", "type": "tagged"}
    for item in (ITEM, MESSAGE, unknown):
        value: Any = {"data": [item], "meta": meta}
        if wrap == "list":
            value = [item]
        elif wrap == "bare":
            value = item
        elif wrap == "payload":
            value = {"payload": [item]}
        found = parse(body(value))
        assert [event.message_id for event in found.statuses] == (
            [ITEM["id"]] if item is ITEM else []
        )
        assert [event.message_id for event in found.messages] == (
            ["in.1"] if item is MESSAGE else []
        )
        assert found.ignored == ({"": 1} if item is unknown else {})
        assert {event.licence_id for event in found.statuses} <= {""}


@pytest.mark.parametrize(
    ("item", "event"),
    [
        ({"id": "1", "type": "failed", "message": {"text": "x"}}, "message"),
        ({"id": "1", "type": "READ", "side": "out"}, "status"),
        ({"id": "1", "type": "text", "side": "out", "error": "no"}, "message"),
        ({"id": "1", "type": "text", "message": "hello"}, "message"),
        ({"id": "1", "type": "no such", "error": {"code": 1}}, "status"),
        ({"id": "1", "error": "", "message": None, "type": "read"}, "status"),
    ],
)
def test_it_tells_a_status_from_a_message(item: Any, event: str) -> None:
    found = parse(body([item]))
    counts = (len(found.statuses), len(found.messages))
    assert counts == ((1, 0) if event == "status" else (0, 1))


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ("sent server SENT Server", StatusKind.SENT),
        ("delivered received Delivered", StatusKind.DELIVERED),
        ("viewed read seen played VIEWED rEaD", StatusKind.READ),
        ("error failed undelivered rejected FAILED", StatusKind.FAILED),
        ("pending deleted edited sent1 доставлено", None),
    ],
)
def test_it_knows_the_names_of_statuses(names: str, kind: StatusKind | None) -> None:
    for name in names.split():
        assert status(type=name).kind is kind
        assert status(type=name).type == name


@pytest.mark.parametrize(
    ("given_type", "kept"), [(None, ""), (5, "5"), ([], ""), (True, ""), ("", "")]
)
def test_a_type_that_is_no_name_is_kept_and_ignored(given_type: Any, kept: str) -> None:
    event = status(type=given_type)
    assert (event.kind, event.type) == (None, kept)
    assert len(status(type="x" * 1000).type) == 50


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        ("Not on WhatsApp", "", "Not on WhatsApp"),
        ({"code": "NoChat", "message": "No chat"}, "NoChat", "No chat"),
        ({"code": 131026}, "131026", ""),
        ({"description": "gone"}, "", "gone"),
        ({"strange": [1]}, "", '{"strange":[1]}'),
        ([{"code": 1, "title": "first"}, "second"], "1", "first"),
        (470, "470", ""),
        (True, "", ""),
        ({"code": "c" * 999, "message": "m" * 999}, "c" * 100, "m" * 500),
        ("bad \ud800\0 text", "", "bad ? text"),
    ],
)
def test_an_error_of_any_shape_is_a_failure(error: Any, code: str, text: str) -> None:
    for name in ("delivered", "no such", None):
        event = status(type=name, error=error)
        assert event.kind is StatusKind.FAILED
        assert (event.error_code, event.error_text) == (code, text)


@pytest.mark.parametrize("error", [None, "", 0, False, [], {}])
def test_an_error_that_is_empty_is_none(error: Any) -> None:
    event = status(error=error)
    assert (event.kind, event.error_code, event.error_text) == (
        StatusKind.DELIVERED,
        "",
        "",
    )


NO_TIMES: list[Any] = [None, True, "", "soon", "²", [], {}, -5, 0, 1e11 - 1, 1e300]
NO_TIMES += [10**400, float("nan"), float("inf"), "9" * 40, "9" * 5000]


@pytest.mark.parametrize(
    ("time", "moment"),
    [
        (1700000042, AT),
        (1700000042.0, AT),
        ("1700000042", AT),
        (1700000042000, AT),
        ("1700000042000", AT),
        (1700000042500, AT.replace(microsecond=500_000)),
        *[(nonsense, None) for nonsense in NO_TIMES],
    ],
)
def test_it_reads_the_time_in_seconds_or_milliseconds(
    time: Any, moment: datetime | None
) -> None:
    assert status(time=time).happened_at == moment


@pytest.mark.parametrize(
    ("chat", "phone"),
    [
        ({"phone": "79990000001"}, "79990000001"),
        ({"phone": 79990000001}, "79990000001"),
        ({"phone": "+7 (999) 000-00-01"}, "79990000001"),
        ({"phone": None, "id": "79990000001@c.us"}, "79990000001"),
        ({"phone": "", "id": "79990000001"}, "79990000001"),
        ({"id": 79990000001}, "79990000001"),
        ({"id": "123456789@lid"}, ""),
        ({"id": "120363@g.us"}, ""),
        ({"phone": "٧٩٩٩", "id": "x"}, ""),
        ({"phone": 7.9e10}, ""),
        ({"phone": "1" * 40}, ""),
        ({}, ""),
        (None, ""),
        ("79990000001@c.us", ""),
    ],
)
def test_it_finds_the_phone(chat: Any, phone: str) -> None:
    assert status(chat=chat).phone == phone
    assert message(chat=chat).phone == phone


@pytest.mark.parametrize(
    ("given_id", "kept"),
    [
        (12345678901234567890, "12345678901234567890"),
        (" wamid.A= ", " wamid.A= "),
        ("3EB0\n", "3EB0\n"),
        ("идентификатор", "идентификатор"),
        ("x" * 255, "x" * 255),
        (0, "0"),
    ],
)
def test_an_id_is_opaque(given_id: Any, kept: str) -> None:
    assert status(id=given_id, fromApp=None).message_id == kept
    assert status(id=None, fromApp={"tracking": given_id}).tracking == kept
    assert message(id=given_id).message_id == kept


@pytest.mark.parametrize(
    "given_id",
    [
        None,
        "",
        True,
        1.5,
        {},
        [],
        "x" * 256,
        "ы" * 128,  # 256 bytes, one more than the column holds
        "a\0b",
        "a\ud800",
        10**300,
        "9" * 5000,
    ],
)
def test_what_is_no_id_makes_an_item_bad_unless_its_tracking_is_good(
    given_id: Any,
) -> None:
    bad = {**ITEM, "id": given_id, "fromApp": {"tracking": given_id}}
    found = parse(body({"data": [bad, ITEM], "meta": META}))
    assert (found.statuses, found.bad) == ((status(),), 1)
    by_tracking = status(id=given_id)
    assert (by_tracking.message_id, by_tracking.tracking) == ("", "m-1")
    by_id = status(fromApp={"tracking": given_id})
    assert (by_id.message_id, by_id.tracking) == (ITEM["id"], "")


def test_an_integer_too_long_for_python_does_not_sink_the_batch() -> None:
    digits = b"9" * 5000
    raw = b'{"data":[{"id":%s,"time":%s},%s]}' % (digits, digits, body(ITEM))
    found = parse(raw)
    assert (len(found.statuses), found.bad) == (1, 1)


def test_a_bad_item_never_sinks_its_batch() -> None:
    bad = [None, 1, "x", [], [ITEM], {}, {"type": "read"}, {"id": None}, float("nan")]
    batch = [*bad, ITEM, *bad, {**ITEM, "id": "2", "chat": 5, "fromApp": 6, "time": {}}]
    found = parse(body({"data": batch, "meta": META}))
    assert [event.message_id for event in found.statuses] == [ITEM["id"], "2"]
    assert found.bad == 2 * len(bad)
    assert parse(body([1, ITEM, None])).bad == 2
    assert parse(body({"data": 5, "meta": META})).bad == 1


def test_unknown_events_are_counted_and_ignored() -> None:
    value = [
        {"data": [1, {"id": 2}], "meta": {"type": "chatTag"}},
        {"data": {"id": 2}, "meta": {"type": "chatTag"}},
        {"meta": {"type": "somethingNew" * 20}},
        {"data": [ITEM], "meta": META},
    ]
    found = parse(body(value))
    assert found.ignored == {"chatTag": 3, ("somethingNew" * 20)[:50]: 1}
    assert (len(found.statuses), found.bad) == (1, 0)


def test_a_line_that_cannot_be_named_is_empty_rather_than_cut() -> None:
    meta = {**META, "licenseId": {"id": 1}, "messengerType": "x" * 65}
    found = parse(body({"data": [ITEM], "meta": meta})).statuses[0]
    assert (found.licence_id, found.messenger) == ("", "")


def test_a_message_keeps_a_strange_side_and_a_cut_text() -> None:
    assert message(side="OUT").side == "out"
    assert message(side="System").side == "system"
    assert message(side=None, fromMe=True).side == "out"
    assert message(side=None, fromMe=None).side == ""
    assert message(fromMe="yes").from_me is False
    assert message(message={"text": None, "caption": "photo"}).text == "photo"
    assert message(message="plain").text == "plain"
    assert message(message=None).text == ""
    assert message(message={"text": "й" * 9000}).text == "й" * 4096


def test_the_raw_item_is_cut_and_is_text_that_a_database_takes() -> None:
    raw = status(note="й\0\ud800" * 2000).raw
    assert len(raw) == 2000
    raw.encode()
    assert "\0" not in raw
    assert r"й\u0000\ud800" in raw


def test_duplicate_keys_and_strange_numbers_are_fine() -> None:
    raw = (
        b'{"data":[{"id":"1","id":"2","type":"sent","x":NaN,"y":-Infinity,"z":1e999}]}'
    )
    assert [event.message_id for event in parse(raw).statuses] == ["2"]
    assert parse(b"\xef\xbb\xbf" + raw) == parse(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"{'data':[]}",
        b"data=1",
        b"<html>",
        b"\xff\xfe",
        b"\0",
        b"[] []",
        b'{"data":"\xd0"}',
        json.dumps({"data": []}).encode("utf-16"),
        json.dumps({"data": []}).encode("utf-16-le"),
        json.dumps({"data": []}).encode("utf-32"),
        b"[" + b"9" * 5000,
    ],
)
def test_what_is_no_json_is_named_so(raw: bytes) -> None:
    assert reason(raw) == "not_json"


@pytest.mark.parametrize("raw", [b"null", b"true", b"5", b'"text"', b"NaN"])
def test_what_is_no_object_is_named_so(raw: bytes) -> None:
    assert reason(raw) == "not_an_object"


@pytest.mark.parametrize("opening", [b"[", b'{"data":', b'{"payload":', b'[{"a":'])
def test_deep_nesting_is_named_so(opening: bytes) -> None:
    assert reason(opening * 100_000) == "too_deep"


def test_every_depth_is_either_read_or_named_too_deep() -> None:
    for depth in range(1, 1200, 7):
        nested = b"[" * depth + b"]" * depth
        raw = b'{"data":[{"id":"1","type":"sent","x":%s}]}' % nested
        try:
            assert len(parse(raw).statuses) == 1
        except BadCallback as bad:
            assert bad.reason == "too_deep"
            assert depth > 500


def test_it_counts_the_items_of_a_whole_body() -> None:
    half = [ITEM] * (MOST_ITEMS // 2)
    most = [{"data": half, "meta": META}, {"data": half}]
    assert len(parse(body(most)).statuses) == MOST_ITEMS
    assert reason(body([*most, ITEM])) == "too_many_items"
    assert reason(b"[" + b"1," * MOST_ITEMS + b"1]") == "too_many_items"
    many = {"data": [1] * (MOST_ITEMS + 1), "meta": {"type": "chatTag"}}
    assert reason(body(many)) == "too_many_items"


def whole(callback: Callback) -> int:
    """How many items came of a callback; also checks what every event promises."""
    events: list[StatusEvent | MessageEvent] = [*callback.statuses, *callback.messages]
    for event in events:
        assert event.message_id or event.tracking
        assert all(
            len(text.encode()) <= 255 for text in (event.message_id, event.tracking)
        )
        assert len(event.raw) <= 2000
        assert "\0" not in event.raw
        event.raw.encode()
        assert event.happened_at is None or event.happened_at.tzinfo is UTC
    return len(callback.statuses) + len(callback.messages) + callback.bad


@given(st.binary())
@example(b"\xef\xbb\xbf\xef\xbb\xbf")
def test_any_bytes_are_a_callback_or_a_bad_one(raw: bytes) -> None:
    with suppress(BadCallback):
        whole(parse(raw))


# Lone surrogates too: JSON's escapes can spell them.
texts = st.text(st.characters(codec=None, categories=None), max_size=20)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.just("read")
)
ENVELOPE = ["data", "meta", "payload", "licenseId", "messengerType"]
FIELDS = ["id", "type", "time", "chat", "phone", "fromApp", "tracking", "error"]
NAMES = [*ENVELOPE, *FIELDS, "code", "message", "text", "side", "fromMe"]
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | texts, inner, max_size=6)
    ),
    max_leaves=25,
)


@given(values)
def test_any_json_is_a_callback_or_a_bad_one(value: Any) -> None:
    for raw in (value, {"data": value, "meta": META}, [{**ITEM, "error": value}]):
        try:
            whole(parse(body(raw)))
        except BadCallback as bad:
            assert bad.reason == "not_an_object"


odd_items = st.fixed_dictionaries(
    {"id": scalars},
    optional=dict.fromkeys(("type", "time", "chat", "fromApp", "error"), values),
)


@given(st.lists(odd_items | values, max_size=12), st.randoms(use_true_random=False))
def test_the_order_and_number_of_items_changes_none_of_them(
    batch: list[Any], source: random.Random
) -> None:
    def read(items: list[Any]) -> Counter[Any]:
        found = parse(body({"data": items, "meta": META}))
        assert whole(found) == len(items)
        return Counter([*found.statuses, *[None] * found.bad])

    shuffled = [*batch, *batch]
    source.shuffle(shuffled)
    once = read(batch)
    assert read(shuffled) == once + once
