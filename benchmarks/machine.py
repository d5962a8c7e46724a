"""What the figures were measured on, and how busy it was."""

from __future__ import annotations

import os
import platform
from typing import Any

import psutil


def machine() -> dict[str, Any]:
    """Returns processor count, memory, system and Python."""
    return {
        "cpus": os.cpu_count(),
        "memory_mb": psutil.virtual_memory().total // 2**20,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def load() -> list[float]:
    """Returns the load averages over 1, 5 and 15 minutes."""
    return [round(one, 2) for one in psutil.getloadavg()]
