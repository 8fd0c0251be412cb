"""The embedded database moves to a MariaDB of its own, as its operator does it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import connection

from asgi_app.preflight import only_one
from tests.mariadb import NoMariaDB, private_mariadb

ROOT = Path(__file__).parent.parent.parent
FILL = """
import django; django.setup()
from asgi_app.database import orm_now
from campaigns.models import *
from campaigns.removal import delete_campaign, remove_some
from chatapp.encryption import seal
from chatapp.models import Account, Line
from tests.campaigns import lists
line = Line.objects.create(licence_id="1001", messenger="grWhatsApp", is_chosen=True)
gone = lists.draft(line, 2, start=5000)
delete_campaign(campaign_id=gone.pk, operator="anna")
while remove_some(): pass
campaign = lists.running(line, 1203, text="Привет 👋 {name|друг}")
draft = lists.draft(line, 3, start=2000)
trial = lists.draft(line, 1, start=3000)
Campaign.objects.filter(pk=trial.pk).update(trial_of=campaign.pk, books={"a": 1})
first = Message.objects.order_by("pk").first()
Message.objects.filter(pk=first.pk).update(
    fields={"name": "Анна"}, message_id="wamid.A", reason="сбой " * 20000)
Message.objects.filter(pk=first.pk + 1).update(message_id="wamid.a")
Event.objects.create(message=first, kind="looked", at=orm_now(), arrived_at=orm_now(),
    detail={"operator": "Борис"})
upload = Upload.objects.create(size=9, layout={}, campaign=draft)
for number in range(9):
    UploadPiece.objects.create(upload=upload, number=number, data=bytes(range(256)))
StopEntry.objects.create(phone="+79990000001", reason="СТОП")
Account.objects.create(pk=1, email="a@b.c", sealed_access=seal("access"))
"""
DUMP = """
import django; django.setup()
from django.apps import apps
for model in sorted(apps.get_models(), key=lambda model: model._meta.label):
    if model._meta.label != "campaigns.WorkerBeat":
        for row in model._base_manager.order_by("pk"):
            stored = [f for f in model._meta.local_fields]
            values = [(f.name, getattr(row, f.attname)) for f in stored]
            print(model._meta.label, [(n, bytes(v) if isinstance(v, memoryview) else v)
                for n, v in values])
"""
NEXT_ID = """
import django; django.setup()
from campaigns.models import Campaign
from chatapp.models import Line
print(Campaign.objects.create(name="x", line=Line.objects.get()).pk)
"""


@dataclass(frozen=True)
class House:
    """An installation in a folder of its own."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "campaigns.sqlite3"

    def run(self, *words: str, url: str = "", **env: str) -> tuple[int, str]:
        """Exit code and all that `python …` says."""
        done = subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "asgi_app.settings",
                "PYTHONPATH": str(ROOT),
                "VAR_DIR": str(self.folder),
                "DATABASE_URL": url,
                **env,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def move(self, to: str, *, url: str = "") -> tuple[int, str]:
        return self.run("manage.py", "move", "--to", to, url=url)


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path / "var")
    for command in (("manage.py", "migrate"), ("-c", FILL)):
        code, said = house.run(*command)
        assert code == 0, said
    return house


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if connection.vendor == "mysql":
        pytest.skip("it starts from SQLite, and was tried in that run")
    pytest.importorskip("MySQLdb")
    try:
        with private_mariadb() as url:
            yield url
    except NoMariaDB as error:
        pytest.skip(str(error))


@pytest.fixture
def target(server: str) -> str:
    """The address of an empty database."""
    import MySQLdb

    from asgi_app import env

    at = env.database("DATABASE_URL", server)
    with MySQLdb.connect(
        host=str(at["HOST"]),
        port=int(str(at["PORT"])),
        user=str(at["USER"]),
        password=str(at["PASSWORD"]),
    ) as access:
        cursor = access.cursor()
        cursor.execute("DROP DATABASE IF EXISTS campaigns")
        cursor.execute("CREATE DATABASE campaigns CHARACTER SET utf8mb4")
    return server


def test_all_of_it_is_there_afterwards_and_the_old_file_is_aside(
    house: House, target: str
) -> None:
    before = house.run("-c", DUMP)
    code, said = house.move(target)
    assert code == 0, said
    assert "1207 campaigns_message" in said and "wamid" not in said
    assert house.run("-c", DUMP, url=target) == before
    code, said = house.run("manage.py", "campaign", "audit", url=target)
    assert (code, "all books balance: 3 campaigns" in said) == (0, True), said
    assert not house.file.exists()
    assert house.file.with_name("campaigns.sqlite3.moved").exists()
    # Four were made on SQLite, one of which was deleted.
    assert house.run("-c", NEXT_ID, url=target) == (0, "5\n")


def test_it_refuses_while_the_program_runs(house: House, target: str) -> None:
    with only_one(house.folder / "run.lock", lambda text: None):
        code, said = house.move(target)
    assert code and "stop the program first" in said
    beat = (
        "import django; django.setup()\n"
        "from asgi_app.database import orm_now\n"
        "from campaigns.models import WorkerBeat\n"
        "WorkerBeat.objects.create(name='w1', started_at=orm_now(), beat_at=orm_now())"
    )
    assert house.run("-c", beat)[0] == 0
    code, said = house.move(target)
    assert code and "a worker was seen within the last 30 s (w1)" in said
    assert house.file.exists()


def test_a_database_that_holds_something_is_left_alone(
    house: House, target: str
) -> None:
    assert house.run("manage.py", "migrate", url=target)[0] == 0
    assert house.run("-c", FILL, url=target)[0] == 0
    there = house.run("-c", DUMP, url=target)
    code, said = house.move(target)
    assert code and "it is not empty (" in said and "DROP DATABASE" in said
    assert house.run("-c", DUMP, url=target) == there
    assert house.file.exists()


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("sqlite:///other", "must begin with mysql://"),
        ("mysql://nobody", "must be mysql://user:password@host"),
        ("mysql://a:secret-word@127.0.0.1:1/x", "--to: "),
    ],
)
def test_an_address_that_leads_nowhere_is_said_in_a_line(
    tmp_path: Path, to: str, said: str
) -> None:
    house = House(tmp_path)
    code, told = house.move(to)
    assert code and told.splitlines()[-1].startswith("CommandError: ")
    assert said in told
    assert "secret-word" not in told and "Traceback" not in told


def test_from_a_mysql_there_is_nothing_to_move(tmp_path: Path, target: str) -> None:
    code, said = House(tmp_path).move(target, url=target)
    assert code and "no SQLite database" in said
