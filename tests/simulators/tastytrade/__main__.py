"""A simulated Tastytrade as a program: `python -m tests.simulators.tastytrade --port 7499 --data-dir DIR`.

It says on its first line where it listens, and how far its clock is from this computer's when a recorded day is played;
on the next two what to log in with.
It ends when its standard input closes, on Ctrl+C and on SIGTERM.
"""

from __future__ import annotations

import argparse
import sys
from typing import Final

from tests.simulators.program import Program
from tests.simulators.tastytrade.server import TastySimulator


class _TastyProgram(Program[TastySimulator]):
    """Logs in with what it prints, or with anything."""

    def _add_behaviour(self, parser: argparse.ArgumentParser) -> None:
        super()._add_behaviour(parser)
        parser.add_argument("--any-login", action="store_true", help="take any secrets, for trying the settings page")

    def _behave(self, simulator: TastySimulator, parsed: argparse.Namespace) -> None:
        super()._behave(simulator, parsed)
        simulator.habits.any_login = parsed.any_login

    def _login(self, simulator: TastySimulator) -> str:
        return f"client secret {simulator.client_secret}\nrefresh token {simulator.refresh_token}\n"


_PROGRAM: Final = _TastyProgram(
    TastySimulator,
    package="tests.simulators.tastytrade",
    default_port=7499,
    ticks="quotes",
    account_help="the login's account, in a new data folder",
)
open_simulator: Final = _PROGRAM.open_simulator


if __name__ == "__main__":
    sys.exit(_PROGRAM.main())
