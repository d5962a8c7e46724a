"""A simulated TWS as a program: `python -m tests.simulators.tws --port 7497 --data-dir DIR`.

It says on its first line where it listens, and how far its clock is from this computer's when a recorded day is played.
It ends when its standard input closes, on Ctrl+C and on SIGTERM.
"""

from __future__ import annotations

import sys
from typing import Final

from tests.simulators.program import Program
from tests.simulators.tws.server import TwsSimulator

_PROGRAM: Final = Program(
    TwsSimulator,
    package="tests.simulators.tws",
    default_port=7497,
    ticks="ticks",
    account_help="the login's account, in a new data folder; U... is a live one",
)
open_simulator: Final = _PROGRAM.open_simulator


if __name__ == "__main__":
    sys.exit(_PROGRAM.main())
