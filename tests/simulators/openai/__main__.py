"""A model server as a program: `python -m tests.simulators.openai --port 8090`.

It says on its first line where it listens, and ranks by theta whatever it is asked. It ends when its standard input
closes, on Ctrl+C and on SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace

from tests.simulators.openai.server import Behaviour, ModelServer

#: For pictures of what goes wrong.
TROUBLES = {
    "none": Behaviour(),
    "rate-limit": Behaviour(status=429, headers={"retry-after": "60"}),
    "server-fault": Behaviour(status=503),
    "refusal": Behaviour(refusal="I cannot help with that."),
    "malformed": Behaviour(text="I would close the short put."),
    "cut": Behaviour(cut_after=6),
    "silent": Behaviour(hold_after=6),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 ended as asked, 2 could not start."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.openai", description="A model on loopback.")
    parser.add_argument("--port", type=int, default=8090, help="port on 127.0.0.1 (default 8090, 0 = any free one)")
    parser.add_argument(
        "--pause", type=float, default=0.05, metavar="S", help="seconds between two pieces of an answer"
    )
    parser.add_argument("--trouble", choices=TROUBLES, default="none", help="what every request meets")
    parser.add_argument("--key", help="the only key it accepts (default: any)")
    parsed = parser.parse_args(arguments)
    try:
        asyncio.run(_serve(parsed))
    except OSError as error:
        sys.stderr.write(f"cannot listen on port {parsed.port}: {error}. Choose another with --port.\n")
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


async def _serve(parsed: argparse.Namespace) -> None:
    server = ModelServer(key=parsed.key)
    server.usual = replace(TROUBLES[parsed.trouble], pause_s=parsed.pause)
    await server.start(parsed.port)
    stop = _stop_event()
    try:
        sys.stdout.write(f"listening on {server.url}\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await server.stop()


def _stop_event() -> asyncio.Event:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)

    def until_input_ends() -> None:
        try:
            while os.read(0, 4096):
                continue
        except OSError:
            pass
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=until_input_ends, daemon=True, name="standard-input").start()
    return stop


if __name__ == "__main__":
    sys.exit(main())
