"""Makes the virtual environment and installs the locked packages; standard library only.

Usage: python3.11 .ci/bootstrap.py VENV LOCKFILE. Exits with 1 and one clear sentence when something is missing.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_LEAST = (3, 11)


def main(venv: Path, lock: Path) -> int:
    """Returns the exit code."""
    if sys.version_info < _LEAST:
        return _fail(f"Optiondesk needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    python = venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not _has_pip(python) and not _make(venv):
        return 1
    _say("installing the pinned packages (the first time takes a minute) ...")
    done = subprocess.run(
        [
            str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--require-hashes", "--only-binary", ":all:", "--requirement", str(lock),
        ],
        check=False,
    )  # fmt: skip
    if done.returncode:
        return _fail("The packages could not be installed; the lines above say why. Check the network and run again.")
    return 0


def _has_pip(python: Path) -> bool:
    """Whether the environment is whole; one whose making was broken off has a Python and no pip."""
    if not python.exists():
        return False
    return subprocess.run([str(python), "-m", "pip", "--version"], check=False, capture_output=True).returncode == 0


def _make(venv: Path) -> bool:
    _say(f"making the virtual environment {venv} ...")
    command = [sys.executable, "-m", "venv", "--clear", str(venv)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode == 0:
        return True
    if "ensurepip" in done.stdout + done.stderr:
        _fail("Python's venv module is not complete. On Debian: sudo apt-get install python3.11-venv")
    else:
        _fail(f"The virtual environment could not be made: {(done.stderr or done.stdout).strip()}")
    return False


def _say(text: str) -> None:
    sys.stdout.write(f"optiondesk: {text}\n")
    sys.stdout.flush()


def _fail(text: str) -> int:
    sys.stderr.write(f"optiondesk: {text}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
