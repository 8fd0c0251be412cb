"""Orders that a program may repeat: the same Idempotency-Key does it once.

The key and what the order changes are one transaction. Whoever lost the answer asks
again and is told what was answered then; an order that failed has left nothing, its
key included.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from django.db import Error, IntegrityError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Schema

from asgi_app.database import in_orm, orm_now
from asgi_app.giving_way import repeated
from asgi_app.middleware import operator_of
from campaigns.api.guard import resources_of
from campaigns.api.problems import Fault, Problem
from campaigns.kept_answers import is_over
from campaigns.models import KeptAnswer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
LONGEST_KEY = 255
# For how long it waits for another with the same key to end; MySQL's alone, as of
# SQLite's one lock all wait alike.
PATIENCE_S = 3


@dataclass(frozen=True)
class Done:
    """What was done: what is told of it, and who is to look at it at once."""

    shape: Schema | None = None
    status: int = 200
    place: str = ""
    line_id: int | None = None
    upload_id: int | None = None


@dataclass(frozen=True)
class _Key:
    """Digests of an operator's key, and of what was asked with it."""

    mark: str
    digest: str

    @classmethod
    def read(cls, request: HttpRequest) -> _Key | None:
        key = request.headers.get(HEADER)
        if key is None:
            return None
        is_plain = key.isascii() and key.isprintable()
        # Who sends an empty one believes that the order is done once.
        if not (is_plain and key.strip() and len(key) <= LONGEST_KEY):
            said = _("It has 1 to %(most)d ASCII characters.") % {"most": LONGEST_KEY}
            raise Problem("invalid", faults=[Fault(HEADER, said)])
        asked = f"{request.method} {request.get_full_path()}\n".encode() + request.body
        return cls(_digest(f"{operator_of(request)}\n{key}".encode()), _digest(asked))


async def once(request: HttpRequest, work: Callable[[], Done]) -> HttpResponse:
    """Does the work in one transaction and answers; with a key that was used, tells.

    `work` is synchronous and uses the ORM. Raises what it raises, and Problem.
    """
    key = _Key.read(request)
    if key is None:
        done = await in_orm(work)
    else:
        answer = await in_orm(_once, key, work)
        if isinstance(answer, HttpResponse):
            return answer
        done = answer
    bell = resources_of(request).doorbell
    if done.line_id is not None:
        name = f"asked:{uuid.uuid4().hex}"
        await bell.ring(done.line_id, timedelta(), name=name)
    if done.upload_id is not None:
        await bell.ring_import(done.upload_id, name=f"asked:{uuid.uuid4().hex}")
    return _answer(done.status, _body(done), done.place)


def told_before(request: HttpRequest) -> HttpResponse | None:
    """What was answered to this key; for work that begins long before it is stored."""
    key = _Key.read(request)
    return _told(key) if key else None


def _once(key: _Key, work: Callable[[], Done]) -> Done | HttpResponse:
    if told := _told(key):
        return told
    with _one_at_a_time(key):
        return _do(key, work)


@repeated
def _do(key: _Key, work: Callable[[], Done]) -> Done | HttpResponse:
    with transaction.atomic():
        if not _take(key):
            told = _told(key)
            if told is None:  # the other has just been forgotten
                raise Problem("under_way")
            return told
        done = work()
        KeptAnswer.objects.filter(pk=key.mark).update(
            status=done.status, body=_body(done), place=done.place
        )
    return done


def _told(key: _Key) -> HttpResponse | None:
    kept = KeptAnswer.objects.filter(pk=key.mark).first()
    if kept is None:
        return None
    if is_over(kept):
        # Somebody else may have stored a new one by now.
        KeptAnswer.objects.filter(pk=kept.pk, kept_at=kept.kept_at).delete()
        return None
    if kept.digest != key.digest:
        raise Problem("key_used_otherwise")
    answer = _answer(kept.status, kept.body, kept.place)
    answer.headers[REPLAYED] = "true"
    return answer


@contextmanager
def _one_at_a_time(key: _Key) -> Iterator[None]:
    """Lets in one with this key; raises Problem when another stays for too long.

    Those who wait for each other's row of the key would deadlock: once its owner is
    refused, each of them holds the place where the others want to store theirs. This
    only has them queue; that it is done once is up to the row's key.
    """
    if connection.vendor != "mysql":
        yield
        return
    # A server has one set of names for all of its databases.
    name = _digest(f"{connection.settings_dict['NAME']}\n{key.mark}".encode())
    with connection.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, %s)", [name, PATIENCE_S])
        if cursor.fetchone() != (1,):
            raise Problem("under_way", headers={"Retry-After": "5"})
    try:
        yield
    finally:
        # A connection that was lost has let go of it already.
        with suppress(Error), connection.cursor() as cursor:
            cursor.execute("SELECT RELEASE_LOCK(%s)", [name])


def _take(key: _Key) -> bool:
    """Stores the key; False where another has it."""
    try:
        with transaction.atomic():
            KeptAnswer(
                mark=key.mark, digest=key.digest, status=0, kept_at=orm_now()
            ).save(force_insert=True)
    except IntegrityError:
        return False
    return True


def _digest(told: bytes) -> str:
    return hashlib.sha256(told).hexdigest()


def _body(done: Done) -> str:
    return done.shape.model_dump_json() if done.shape is not None else ""


def _answer(status: int, body: str, place: str) -> HttpResponse:
    headers = {"Location": place} if place else {}
    return HttpResponse(
        body, status=status, content_type="application/json", headers=headers
    )
