"""Runs what is measured in a fresh process, and reads the facts that it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class NotMeasured(Exception):
    """Something that a benchmark needs is not here; the message says what, and how to get it."""


class ChildFailed(NotMeasured):
    """A measured program ended with an error; its own words are in the message."""


def run_child(
    module: str,
    *arguments: object,
    within_s: float = 300.0,
    python: Path = Path(sys.executable),
    variables: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Returns the facts that `python -m module` prints last; raises ChildFailed when it fails or takes too long.

    `variables` are added to the child's environment.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and our own module
            _command(module, arguments, python),
            cwd=ROOT,
            env={**_environment(), **variables},
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ChildFailed(f"{module} was not done after {within_s:.0f} s: {error.stderr!r}") from error
    return _facts(module, done.returncode, done.stdout, done.stderr)


def time_to_first_line(module: str, *arguments: object) -> tuple[float, dict[str, Any]]:
    """Returns the seconds from starting a process to the first line it prints, and its facts.

    The clock is this process's own, so that no two clocks are compared; a line through a pipe takes microseconds.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as problems:
        started = time.perf_counter()
        with subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
            _command(module, arguments),
            cwd=ROOT,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=problems,
            text=True,
        ) as process:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            first = process.stdout.readline()
            took_s = time.perf_counter() - started
            rest = process.stdout.read()
        problems.seek(0)
        return took_s, _facts(module, process.returncode, first + rest, problems.read())


def _command(module: str, arguments: tuple[object, ...], python: Path = Path(sys.executable)) -> list[str]:
    return [str(python), "-m", module, *map(str, arguments)]


def _environment() -> dict[str, str]:
    return {"QT_QPA_PLATFORM": "offscreen", **os.environ}


def _facts(module: str, code: int, out: str, problems: str) -> dict[str, Any]:
    lines = out.strip().splitlines()
    if code or not lines:
        raise ChildFailed(f"{module} ended with {code}:\n{problems[-4000:]}")
    facts: dict[str, Any] = json.loads(lines[-1])
    return facts
