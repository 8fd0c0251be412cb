"""Celery on gevent with a job a message: `python -m benchmarks.peers.with_celery`.

Celery's own command patches what blocks; PyMySQL and requests are pure Python and so
are patched with it, mysqlclient would not be.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from dataclasses import asdict
from typing import Any

import pymysql
import requests
from celery import Celery
from celery.signals import worker_init
from requests.adapters import HTTPAdapter

from benchmarks.peers import work
from benchmarks.peers.work import IN_FLIGHT, Tally, Work

told = Work.told()
app = Celery("peers", broker=told.redis_url)
app.conf.update(
    task_ignore_result=True,
    worker_redirect_stdouts=False,
    broker_connection_retry_on_startup=False,
)
tally = Tally(told.count)
idle: deque[Any] = deque()
http = requests.Session()
http.trust_env = False
http.mount("http://", HTTPAdapter(pool_maxsize=IN_FLIGHT))


def connect(**_: object) -> None:
    for _number in range(IN_FLIGHT):
        idle.append(pymysql.connect(**asdict(told.login), autocommit=True))


def update(statement: str, *values: object) -> int:
    connection = idle.pop()
    try:
        with connection.cursor() as cursor:
            changed: int = cursor.execute(statement, values)
    finally:
        idle.append(connection)
    return changed


def deliver(message_id: int, phone: str) -> None:
    tally.begin()
    if not update(work.CLAIM, message_id):
        return
    url = told.api_url + work.path(phone)
    answer = http.post(url, json=work.body(message_id), timeout=30)
    answer.raise_for_status()
    update(work.RECORD, answer.json()["data"]["id"], message_id)
    tally.recorded()


send = app.task(name="send")(deliver)
worker_init.connect(connect)


def main() -> None:
    for message in told.messages():
        send.delay(*message)
    module = "benchmarks.peers.with_celery"
    command = [sys.executable, "-m", "celery", "-q", "-A", module, "worker"]
    # With 200 or 400 of them it is no faster: the processor is what they share.
    pool = ["-P", "gevent", "-c", str(IN_FLIGHT), "-l", "WARNING"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    os.execv(sys.executable, [*command, *pool, *quiet])


if __name__ == "__main__":
    main()
