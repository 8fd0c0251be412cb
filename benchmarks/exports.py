"""A campaign as a CSV file: rows a second, memory, and when the first byte comes."""

from __future__ import annotations

import base64
import http.client
import time
from dataclasses import dataclass
from pathlib import Path

from asgi_app.valkey import free_port
from benchmarks import rows
from benchmarks.figures import Figure, at_least, at_most
from benchmarks.rig import Rig, running, wait_for

_SIGNED_IN = {
    "Authorization": "Basic " + base64.b64encode(b"anna:correct horse").decode()
}


@dataclass(frozen=True)
class Download:
    first_byte_s: float
    took_s: float
    lines: int


def measure(rig: Rig, count: int) -> list[Figure]:
    campaign = rows.accepted(rows.line_of(), count)
    port = free_port()
    argv = ["-m", "asgi_app.web", "--port", str(port)]
    with rig.beside(), running(rig, argv, {}) as process:
        wait_for(port)
        _download(port, f"/campaigns/{rows.running(rows.line_of(), 10).pk}/")
        idle_mb = memory_mb(process.pid, "VmRSS")
        done = _download(port, f"/campaigns/{campaign.pk}/export.csv")
        peak_mb = memory_mb(process.pid, "VmHWM")
    assert done.lines == count + 1, "not every row is in the file"
    return [
        Figure("export", count / done.took_s, "rows/s", at_least(150_000)),
        Figure("export first byte", done.first_byte_s, "s", at_most(0.1)),
        Figure("export memory", peak_mb - idle_mb, "MB above idle", at_most(60)),
    ]


def _download(port: int, path: str) -> Download:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    began = time.perf_counter()
    connection.request("GET", path, headers=_SIGNED_IN)
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        raise RuntimeError(f"{path}: {answer.status}")
    lines = answer.read(1).count(b"\n")
    first_byte_s = time.perf_counter() - began
    while block := answer.read(1024 * 1024):
        lines += block.count(b"\n")
    took_s = time.perf_counter() - began
    connection.close()
    return Download(first_byte_s, took_s, lines)


def memory_mb(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {name}")
