"""What a peer is to do, and how it tells what it measured.

Read by our interpreter and by the peers', which have none of our packages.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlsplit

# Of the jobs of a worker, and of its connections to the API.
IN_FLIGHT = 100

# Both are committed by themselves, and so durable before what follows them.
CLAIM = (
    "UPDATE peer_messages SET status = 'claimed', updated_at = UTC_TIMESTAMP(6) "
    "WHERE id = %s AND status = 'waiting'"
)
RECORD = (
    "UPDATE peer_messages SET status = 'accepted', answer = %s, "
    "updated_at = UTC_TIMESTAMP(6) WHERE id = %s AND status = 'claimed'"
)


@dataclass(frozen=True)
class Login:
    host: str
    port: int
    user: str
    password: str
    database: str


@dataclass(frozen=True)
class Work:
    """So many messages, and the servers to send them with."""

    count: int
    api_url: str
    database_url: str
    redis_url: str

    @classmethod
    def told(cls) -> Work:
        """What the race told this process."""
        env = os.environ
        return cls(
            int(env["PEER_COUNT"]),
            env["PEER_API_URL"],
            env["PEER_DATABASE_URL"],
            env["PEER_REDIS_URL"],
        )

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PEER_COUNT": str(self.count),
            "PEER_API_URL": self.api_url,
            "PEER_DATABASE_URL": self.database_url,
            "PEER_REDIS_URL": self.redis_url,
        }

    @property
    def login(self) -> Login:
        url = urlsplit(self.database_url)
        return Login(
            url.hostname or "",
            url.port or 3306,
            url.username or "",
            url.password or "",
            url.path.lstrip("/"),
        )

    def messages(self) -> Iterator[tuple[int, str]]:
        """The id and the phone of each."""
        for number in range(1, self.count + 1):
            yield number, f"+7999{number:07d}"


def path(phone: str) -> str:
    """Where the text for a phone is posted."""
    chat = phone.removeprefix("+")
    return f"/v1/licenses/100/messengers/grWhatsApp/chats/{chat}/messages/text"


def body(message_id: int) -> dict[str, str]:
    return {"text": "Hello 👋", "tracking": f"{message_id:024x}"}


class Tally:
    """Counts what is recorded; the last one tells the time of all and ends the process.

    The clock starts with the first job: neither the start of the worker nor the filling
    of its queue is held against it.
    """

    def __init__(self, count: int) -> None:
        self._left = self._count = count
        self._began: tuple[float, float] | None = None

    def begin(self) -> None:
        if self._began is None:
            self._began = time.perf_counter(), time.process_time()

    def recorded(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._tell()

    def _tell(self) -> NoReturn:
        assert self._began is not None
        told = {
            "recorded": self._count,
            "seconds": time.perf_counter() - self._began[0],
            "cpu_seconds": time.process_time() - self._began[1],
        }
        print(json.dumps(told), flush=True)
        # The rows are committed, and each worker would end in a way of its own.
        os._exit(0)
