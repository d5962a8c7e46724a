"""A simulated broker as a program of its own: started, watched, started again when it dies, ended with the desk."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from models.clock import Clock, OffsetClock
from models.errors import KnownError

_log = logging.getLogger(__name__)
_LISTENING: Final = re.compile(r"listening on 127\.0\.0\.1:(\d+)(?:, clock offset (-?[\d.]+) s)?")
_START_S: Final = 60.0
_STOP_S: Final = 5.0
_AGAIN_AFTER_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Started:
    """Where the simulator listens, and how far its clock is from this computer's (a recorded day)."""

    port: int
    clock_offset: timedelta

    def clock(self, base: Clock) -> Clock:
        """Returns the clock that desk and simulator share."""
        return OffsetClock(base=base, offset=self.clock_offset) if self.clock_offset else base


class SimulatorProcess:
    """Runs `python -m MODULE --port N ARGUMENTS`; it ends by itself when its standard input closes with the desk."""

    def __init__(self, module: str, *, working_folder: Path, arguments: Sequence[str]) -> None:
        self._module = module
        self._working_folder = working_folder
        self._arguments = tuple(arguments)
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> Started:
        """Starts it and returns where it listens; raises KnownError when it does not come up."""
        started = await self._launch(port=0)
        self._watch = asyncio.get_running_loop().create_task(self._keep_alive(started.port), name="simulator")
        return started

    async def stop(self) -> None:
        """Ends it."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        await self._end()

    async def _launch(self, port: int) -> Started:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            "--port",
            str(port),
            *self._arguments,
            cwd=self._working_folder,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_START_S):
                line = await self._first_line(self._process)
        except TimeoutError:
            line = ""
        found = _LISTENING.search(line)
        if found is None:
            await self._end()
            raise KnownError(
                "The simulated broker did not start.", cure="Its own messages stand above; see also the log file."
            )
        return Started(int(found[1]), timedelta(seconds=float(found[2] or 0)))

    @staticmethod
    async def _first_line(process: asyncio.subprocess.Process) -> str:
        return (await process.stdout.readline()).decode(errors="replace") if process.stdout is not None else ""

    async def _keep_alive(self, port: int) -> None:
        """Starts it again, on the same port, whenever it dies."""
        while True:
            if self._process is not None:
                code = await self._process.wait()
                _log.warning("the simulated broker ended (%s); it is started again", code)
            await asyncio.sleep(_AGAIN_AFTER_S)
            try:
                await self._launch(port)
            except KnownError as error:
                _log.warning("%s", error)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
