"""How much is measured: the full sizes of `make bench`, or tiny ones that only prove that everything runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

#: The folder beside the project with reference figures and recorded chains.
SHARED = Path(__file__).resolve().parents[2] / "shared"


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes and repetitions of all benchmarks; `_s` are seconds."""

    startup_runs: int = 9
    memory_runs: int = 3
    memory_run_s: float = 20.0
    live_s: float = 60.0
    #: The live run is cut into this many windows; figures are medians over them.
    live_windows: int = 6
    live_positions: int = 500
    live_quotes_per_s: int = 2000
    ibkr_runs: int = 3
    ibkr_ticks_per_s: int = 1000
    #: Market-data lines that are open all the while; TWS gives 100.
    ibkr_lines: int = 100
    tasty_runs: int = 3
    tasty_quotes_per_s: int = 10_000
    #: Contracts subscribed in all, and those of them that the window itself must show.
    tasty_contracts: int = 500
    tasty_shown: int = 100
    quiet_s: float = 10.0
    journal_runs: int = 5
    journal_rows: int = 100_000
    journal_repeats: int = 5
    journal_scrolls: int = 300
    chart_runs: int = 5
    chart_years: int = 10
    chart_accounts: int = 3
    chart_frames: int = 120
    core_runs: int = 15
    core_positions: int = 500
    core_options: int = 10_000
    growth_runs: int = 7
    growth_sizes: tuple[int, ...] = (100, 1_000, 10_000, 100_000, 1_000_000)
    grid_runs: int = 9
    grid_positions: int = 500
    #: Spots, vols and dates of the scenario grid.
    grid_shape: tuple[int, int, int] = (61, 11, 3)
    margin_runs: int = 7
    margin_legs: int = 200
    margin_books: int = 5
    book_runs: int = 15
    book_positions: int = 1_000
    preview_runs: int = 15
    storms: int = 200
    half_opens: int = 8
    #: How long TWS is away, seconds.
    outages_s: tuple[float, ...] = (1.0, 3.0, 7.0, 12.0, 20.0, 33.0, 47.0, 60.0)
    #: How many of the known message codes; None = all.
    codes: int | None = None
    combos: int = 1_000
    #: How many of the ways in which a POST fails after acceptance; None = all; and with how many seeds each.
    post_ways: int | None = None
    post_seeds: int = 50
    #: Every so manieth of the odd objects.
    odd_step: int = 1
    shared: Path = SHARED
    is_tiny: bool = False


FULL = Plan()
TINY = Plan(
    startup_runs=1,
    memory_runs=1,
    memory_run_s=0.3,
    live_s=1.0,
    live_windows=2,
    live_positions=40,
    live_quotes_per_s=200,
    ibkr_runs=1,
    ibkr_ticks_per_s=200,
    ibkr_lines=20,
    tasty_runs=1,
    tasty_quotes_per_s=500,
    tasty_contracts=60,
    tasty_shown=20,
    quiet_s=0.3,
    journal_runs=1,
    journal_rows=400,
    journal_repeats=1,
    journal_scrolls=5,
    chart_runs=1,
    chart_years=1,
    chart_accounts=2,
    chart_frames=5,
    core_runs=2,
    core_positions=30,
    core_options=200,
    growth_runs=2,
    growth_sizes=(10, 100),
    grid_runs=1,
    grid_positions=20,
    grid_shape=(5, 3, 2),
    margin_runs=1,
    margin_legs=16,
    margin_books=2,
    book_runs=2,
    book_positions=20,
    preview_runs=2,
    storms=2,
    half_opens=1,
    outages_s=(0.5,),
    codes=3,
    combos=4,
    post_ways=3,
    post_seeds=1,
    odd_step=8,
    is_tiny=True,
)
