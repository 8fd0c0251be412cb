"""A second MariaDB that follows the first, and takes its place."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.chaos.database import MariaDB
from tests.hosts.network import inside
from tests.mariadb import PrivateMariaDB

# Every commit is on the disk, here and in the log that the other one reads.
OF_PRIMARY = (
    *("--log-bin=binlog", "--server-id=1", "--binlog-format=ROW"),
    *("--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1"),
)
_OF_REPLICA = ("--server-id=2", "--read-only=1", "--rpl-semi-sync-slave-enabled=1")
CATCH_UP_S = 30.0
# In ms: a primary that goes on alone after a while is no longer semi-synchronous.
FOR_EVER = 4_294_967_295


class Replica:
    """A standby on a machine of its own, with the primary's user and password."""

    def __init__(self, folder: Path, machine: str, address: str, of: MariaDB) -> None:
        folder.mkdir()
        self._primary = of
        self.data = MariaDB(
            PrivateMariaDB(
                folder,
                host=address,
                inside=inside(machine),
                password=of.server.password,
            ),
            *_OF_REPLICA,
        )

    def follow(self, *, is_semi_sync: bool) -> None:
        """Starts it; from now on it gets what the primary commits."""
        self.data.start()
        server = self._primary.server
        _run(
            self.data,
            f"CHANGE MASTER TO master_host='{server.host}', master_port={server.port},"
            f" master_user='tests', master_password='{server.password}',"
            " master_use_gtid=slave_pos, master_connect_retry=1",
            "START SLAVE",
        )
        if is_semi_sync:
            _run(
                self._primary,
                "SET GLOBAL rpl_semi_sync_master_wait_point = 'AFTER_SYNC'",
                f"SET GLOBAL rpl_semi_sync_master_timeout = {FOR_EVER}",
                "SET GLOBAL rpl_semi_sync_master_enabled = 1",
            )

    def has_tables(self) -> bool:
        """Whether it has caught up with what was made before it came."""
        sql = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '{}'"
        ours = self.data.rows(sql.format("campaigns"))
        return bool(ours == self._primary.rows(sql.format("campaigns")) != [(0,)])

    def promote(self) -> None:
        """Applies what has come, then takes writes. Raises RuntimeError."""
        deadline = time.monotonic() + CATCH_UP_S
        while not self._has_applied_all():
            if time.monotonic() > deadline:
                raise RuntimeError("the replica does not apply what it has got")
            time.sleep(0.1)
        stop = ("STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only = 0")
        _run(self.data, *stop)

    def _has_applied_all(self) -> bool:
        ((state,),) = self.data.rows(
            "SELECT state FROM information_schema.processlist"
            " WHERE command = 'Slave_SQL'"
        )
        return "has read all relay log" in state


def _run(data: MariaDB, *statements: str) -> None:
    with closing(data.connected()) as connection:
        cursor: Any = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
