"""Whether a window can open here, found out before Qt is loaded: Qt itself would abort without a useful word.

Imports nothing of Qt, so that it can speak when Qt cannot be loaded at all.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

#: (shared library, Debian package) that Qt's base libraries need.
BASE_LIBRARIES = (
    ("libEGL.so.1", "libegl1"),
    ("libGL.so.1", "libgl1"),
    ("libxkbcommon.so.0", "libxkbcommon0"),
    ("libdbus-1.so.3", "libdbus-1-3"),
    ("libfontconfig.so.1", "libfontconfig1"),
    ("libglib-2.0.so.0", "libglib2.0-0"),
)
#: What a window on an X display needs besides.
X11_LIBRARIES = (
    ("libX11-xcb.so.1", "libx11-xcb1"),
    ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
    ("libxcb-cursor.so.0", "libxcb-cursor0"),
    ("libxcb-icccm.so.4", "libxcb-icccm4"),
    ("libxcb-image.so.0", "libxcb-image0"),
    ("libxcb-keysyms.so.1", "libxcb-keysyms1"),
    ("libxcb-randr.so.0", "libxcb-randr0"),
    ("libxcb-render-util.so.0", "libxcb-render-util0"),
    ("libxcb-shape.so.0", "libxcb-shape0"),
    ("libxcb-xkb.so.1", "libxcb-xkb1"),
)
_WITHOUT_DISPLAY = ("offscreen", "minimal", "vnc", "linuxfb", "eglfs")


def _can_load(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def window_problem(
    environ: Mapping[str, str] = os.environ,
    *,
    platform: str = sys.platform,
    can_load: Callable[[str], bool] = _can_load,
) -> str | None:
    """Returns one sentence that says what keeps a window from opening and how to cure it; None when nothing does."""
    if not platform.startswith("linux"):
        return None
    wanted = environ.get("QT_QPA_PLATFORM", "").split(":", maxsplit=1)[0]
    needs_display = wanted not in _WITHOUT_DISPLAY
    on_wayland = bool(environ.get("WAYLAND_DISPLAY")) and wanted in ("", "wayland")
    libraries = BASE_LIBRARIES if not needs_display or on_wayland else (*BASE_LIBRARIES, *X11_LIBRARIES)
    missing = [package for library, package in libraries if not can_load(library)]
    if missing:
        return (
            f"Qt cannot start: {len(missing)} system librar{'y is' if len(missing) == 1 else 'ies are'} missing. "
            f"On Debian or Ubuntu: sudo apt-get install {' '.join(missing)}"
        )
    if not needs_display or on_wayland:
        return None
    return _display_problem(environ.get("DISPLAY", ""))


def _display_problem(display: str) -> str | None:
    if not display:
        return (
            "There is no display to open a window on (DISPLAY and WAYLAND_DISPLAY are not set). Run the desk in a "
            "desktop session, with `xvfb-run`, or without a window: main.py --headless"
        )
    if display.startswith(":"):
        number = display[1:].split(".", maxsplit=1)[0]
        if not _answers(number):
            return (
                f"The display {display} does not answer. Check that its X server runs, or start the desk without a "
                "window: main.py --headless"
            )
    return None


def _answers(number: str) -> bool:
    path = Path(f"/tmp/.X11-unix/X{number}")  # noqa: S108 - the X protocol's own address
    for address in (str(path), f"\0{path}"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(2.0)
            try:
                probe.connect(address)
            except OSError:
                continue
            return True
    return False


def main() -> int:
    """Says what keeps a window from opening; returns 2 then, 0 otherwise."""
    problem = window_problem()
    if problem is None:
        return 0
    sys.stderr.write(f"optiondesk: {problem}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
