"""Keeps the processes of an installation running, and ends them in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from asgi_app.children import exit_code, in_words

FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 30.0
# Who ends this soon after its start, this often in a row, will not get better.
QUICK_END_S, QUICK_ENDS = 10.0, 3
# Who ran this long starts anew with the shortest delay.
STEADY_S = 60.0
PATIENCE_S = 3.0

Say = Callable[[str], None]


class GaveUp(Exception):
    """A process keeps ending right after its start."""


@dataclass
class Service:
    """A program to keep running: how it is started, and how long it may take to end."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    stop_within_s: float
    process: subprocess.Popen[bytes] | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Supervisor:
    """Starts services, restarts those that end by themselves, stops them by turns."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._stopping = False
        self._hurry = asyncio.Event()

    def add(self, service: Service) -> None:
        """Starts a service now, in this thread, and again whenever it ends."""
        service.process = service.start()
        self._keepers[service.name] = asyncio.create_task(self._keep(service))

    async def first_failure(self) -> None:
        """Raises what made a service be given up, as soon as one is."""
        done, _ = await asyncio.wait(
            self._keepers.values(), return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            task.result()

    async def until(
        self, ready: Callable[[], Awaitable[bool]], limit_s: float, name: str
    ) -> None:
        """Asks every 50 ms until the answer is yes.

        Raises GaveUp when the time is up or a service was given up before.
        """
        failed = asyncio.create_task(self.first_failure())
        try:
            async with asyncio.timeout(limit_s):
                while not await ready():
                    await asyncio.wait({failed}, timeout=0.05)
                    if failed.done():
                        failed.result()
        except TimeoutError:
            raise GaveUp(f"{name} does not answer after {limit_s:g} s") from None
        finally:
            failed.cancel()

    async def stop(self, *services: Service) -> None:
        """Ends services side by side: SIGTERM, time or `hurry()`, then SIGKILL."""
        self._stopping = True
        await asyncio.gather(*map(self._stop, services))
        keepers = [self._keepers[x.name] for x in services if x.name in self._keepers]
        await asyncio.gather(*keepers, return_exceptions=True)
        self._hurry.clear()

    def hurry(self) -> None:
        """Cuts short the time that services have to end."""
        self._hurry.set()

    async def _keep(self, service: Service) -> None:
        clock = asyncio.get_running_loop().time
        delay, quick_ends = FIRST_DELAY_S, 0
        while True:
            assert service.process is not None
            began = clock()
            code = await exit_code(service.process)
            if self._stopping:
                service.ended.set()
                return
            lasted = clock() - began
            # Killed from outside is not a fault that the next start repeats.
            quick = code >= 0 and lasted < QUICK_END_S
            quick_ends = quick_ends + 1 if quick else 0
            if lasted >= STEADY_S:
                delay = FIRST_DELAY_S
            what = f"{service.name} ended by itself ({in_words(code)})"
            if quick_ends >= QUICK_ENDS:
                service.process = None
                raise GaveUp(f"{what}, {quick_ends} times right after its start")
            self._say(f"{what}; starting it again in {delay:g} s")
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY_S)
            service.process = service.start()

    async def _stop(self, service: Service) -> None:
        keeper = self._keepers.get(service.name)
        if keeper is None or service.process is None:
            return
        if service.process.poll() is None:
            service.process.terminate()
        else:
            keeper.cancel()  # it may be sleeping before the next start
            return
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._ended_or_hurry(service)
        except TimeoutError:
            self._say(f"waiting for {service.name} to finish (Ctrl-C to hurry) …")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(service.stop_within_s - PATIENCE_S):
                    await self._ended_or_hurry(service)
        if service.process.poll() is None:
            late = "" if self._hurry.is_set() else " did not end in time and"
            self._say(f"{service.name}{late} is killed")
            service.process.send_signal(signal.SIGKILL)
            await service.ended.wait()

    async def _ended_or_hurry(self, service: Service) -> None:
        waits: list[asyncio.Task[bool]] = [
            asyncio.create_task(event.wait()) for event in (service.ended, self._hurry)
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
