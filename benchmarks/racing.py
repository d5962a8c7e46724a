"""Times several ways to do the same work in turn, run by run, in a shuffled order, so that noise hits all alike."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping

Job = Callable[[], object]


def race(jobs: Mapping[str, Job], *, runs: int, least_s: float = 0.01) -> dict[str, list[float]]:
    """Returns seconds per call of each job, one entry a run.

    A job is called once unmeasured (compilation, caches), then in each run as often as fills about `least_s`.
    """
    calls: dict[str, int] = {}
    for name, job in jobs.items():
        job()
        started = time.perf_counter()
        job()
        took_s = max(time.perf_counter() - started, 1e-7)
        calls[name] = max(int(least_s / took_s), 1)
    found: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(runs):
        for name in random.Random(number).sample(list(jobs), len(jobs)):
            job, count = jobs[name], calls[name]
            started = time.perf_counter()
            for _ in range(count):
                job()
            found[name].append((time.perf_counter() - started) / count)
    return found


def per(found: Mapping[str, list[float]], count: int, scale: float) -> dict[str, list[float]]:
    """Returns the runs per item, in seconds / `scale`."""
    return {name: [run / count * scale for run in runs] for name, runs in found.items()}
