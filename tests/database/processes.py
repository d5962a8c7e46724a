"""Starts the children of `tests.database.child`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def start(*arguments: str) -> subprocess.Popen[str]:
    """Returns a child with its input and output connected."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.database.child", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def tell(child: subprocess.Popen[str], line: str) -> None:
    assert child.stdin is not None
    child.stdin.write(line + "\n")
    child.stdin.flush()


def hear(child: subprocess.Popen[str]) -> str:
    """Returns the child's next line, empty when it has ended."""
    assert child.stdout is not None
    return child.stdout.readline().strip()


def end(child: subprocess.Popen[str], *, kill: bool = False) -> list[str]:
    """Ends a child and returns what it still had to say."""
    if kill:
        child.kill()
    rest, _ = child.communicate()
    return rest.split("\n")[:-1]
