"""A simulated broker as a program of its own: started, watched, started again when it dies, ended with the desk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
_READ_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Started:
    """Where the simulator listens, and how far its clock is from this computer's (a recorded day).

    `facts` is what it prints to log in with, by name: never shown.
    """

    port: int
    clock_offset: timedelta
    facts: Mapping[str, str] = field(default_factory=dict, repr=False)

    def clock(self, base: Clock) -> Clock:
        """Returns the clock that desk and simulator share."""
        return OffsetClock(base=base, offset=self.clock_offset) if self.clock_offset else base


class SimulatorProcess:
    """Runs `python -m MODULE --port N ARGUMENTS`; it ends by itself when its standard input closes with the desk.

    `facts` names the lines that must follow the first one, such as "client secret" for "client secret ABC".
    """

    def __init__(
        self, module: str, *, working_folder: Path, arguments: Sequence[str], facts: Sequence[str] = ()
    ) -> None:
        self._module = module
        self._working_folder = working_folder
        self._arguments = tuple(arguments)
        self._facts = tuple(facts)
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None

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
        started, output = None, self._process.stdout
        if output is not None:
            # ValueError: a line longer than any that it prints.
            with contextlib.suppress(TimeoutError, ValueError):
                async with asyncio.timeout(_START_S):
                    started = await self._read_start(output)
            self._reading = asyncio.get_running_loop().create_task(_drop(output), name="simulator-output")
        if started is None:
            await self._end()
            raise KnownError(
                "The simulated broker did not start.", cure="Its own messages stand above; see also the log file."
            )
        return started

    async def _read_start(self, output: asyncio.StreamReader) -> Started | None:
        """Returns what its first lines tell, or None when it ends before it has told all."""
        found = _LISTENING.search(await _line(output))
        if found is None:
            return None
        facts: dict[str, str] = {}
        while len(facts) < len(self._facts):
            line = await _line(output)
            if not line:
                return None
            facts |= {name: line.removeprefix(name).strip() for name in self._facts if line.startswith(f"{name} ")}
        return Started(int(found[1]), timedelta(seconds=float(found[2] or 0)), facts)

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
        reading, self._reading = self._reading, None
        try:
            if process is not None and process.returncode is None:
                await _stop_process(process)
        finally:
            if reading is not None:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)


async def _stop_process(process: asyncio.subprocess.Process) -> None:
    """Closes its standard input, on which it ends; one that goes on is killed."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _line(output: asyncio.StreamReader) -> str:
    """Returns the next line with its end, or nothing at the end of the output."""
    return (await output.readline()).decode(errors="replace")


async def _drop(output: asyncio.StreamReader) -> None:
    """Reads on, so that the simulator never waits for a full pipe, and keeps nothing: it may print secrets."""
    while await output.read(_READ_BYTES):
        continue
