"""Machines as network namespaces: a switch, a cable to each, a cable that is cut.

All of it is in namespaces of this process, which the kernel removes with it, however it
ends: nothing is left on the machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from asgi_app.children import BASE_DIR

SWITCH = "switch"
NET = "10.77.0"
# Our own place at the switch, from which the drill looks at everything.
HUB = f"{NET}.1"
_OWN_NETWORK = "HOSTS_OWN_NETWORK"


class NoNetwork(RuntimeError):
    """Namespaces cannot be made here."""


def enter_own_network(module: str) -> None:
    """Runs this program again where networks are its own. Raises NoNetwork."""
    if os.environ.get(_OWN_NETWORK) == "yes":
        return
    if os.geteuid() != 0:
        raise NoNetwork("namespaces need root")
    if not (shutil.which("ip") and shutil.which("unshare")):
        raise NoNetwork("there is no ip or unshare: apt-get install iproute2")
    again = [sys.executable, "-m", module, *sys.argv[1:]]
    # What is mounted for a namespace is mounted for us alone.
    mounts = 'mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && exec "$@"'
    os.environ[_OWN_NETWORK] = "yes"
    os.chdir(BASE_DIR)
    os.execvp(
        "unshare",
        ["unshare", "--net", "--mount", "sh", "-c", mounts, "sh", *again],
    )


class Network:
    """The switch; machines are plugged in, cut off and mended by their names."""

    def __init__(self) -> None:
        self._machines: list[str] = []
        _ip("link", "set", "lo", "up")
        _ip("link", "add", SWITCH, "type", "bridge")
        _ip("addr", "add", f"{HUB}/24", "dev", SWITCH)
        _ip("link", "set", SWITCH, "up")

    def plug_in(self, name: str) -> str:
        """Adds a machine and returns its address."""
        address = f"{NET}.{10 + len(self._machines)}"
        self._machines.append(name)
        _ip("netns", "add", name)
        _ip("link", "add", name, "type", "veth", "peer", "eth0", "netns", name)
        _ip("link", "set", name, "master", SWITCH)
        _ip("link", "set", name, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        return address

    def close(self) -> None:
        """Makes room for another; call it when nothing runs on any machine."""
        for name in self._machines:
            _ip("netns", "del", name)
        _ip("link", "del", SWITCH)

    def cut(self, name: str) -> None:
        """Switches the machine's port off: no packet comes or goes, nobody is told."""
        _ip("link", "set", name, "down")

    def mend(self, name: str) -> None:
        _ip("link", "set", name, "up")


def inside(name: str, *, own_pids: bool = False) -> list[str]:
    """Starts a command on a machine, under the machine's name.

    With `own_pids` it has the number 1 there, as in a container.
    """
    pids = ["--pid", "--fork", "--kill-child", "--mount-proc"] if own_pids else []
    return [
        *("ip", "netns", "exec", name, "unshare", "--uts", *pids),
        *("sh", "-c", 'hostname "$0" && exec "$@"', name),
    ]


def _ip(*arguments: str) -> None:
    done = subprocess.run(
        ["ip", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NoNetwork(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
