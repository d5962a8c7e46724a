"""What the pages say in words: crossings, the sentences of the breach map, the line of method, units and age."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from execution.analysis_views import AnalysisNote, BreachMapState, Crossing, LimitLane
from models.enums import Metric
from ui import format as fmt
from ui.theme import Ink

#: Stands where a limit holds as far as the map reaches: known, so no em dash.
HOLDS = "holds"
NOW = "▲ now"
_SHORT = {
    Metric.SPX_DELTA: "delta",
    Metric.GAMMA: "gamma",
    Metric.THETA: "theta",
    Metric.VEGA: "vega",
    Metric.MARGIN_USED_PCT: "margin",
}


def short_name(metric: Metric) -> str:
    """Returns a limit's name for cells and sentences: `vega`."""
    return _SHORT[metric]


def move_text(shift_pct: float) -> str:
    """Returns a move without needless decimals: `−7.5%`, `+10%`, `0%`."""
    rounded = round(float(shift_pct), 1)
    return fmt.signed_percent(rounded, 0 if rounded.is_integer() else 1)


def points_text(points: float) -> str:
    """Returns a vol shift: `+2.5 pts`."""
    rounded = round(float(points), 1)
    return f"{fmt.signed(rounded, 0 if rounded.is_integer() else 1)} pts"


def level_text(spot: float, shift_pct: float) -> str:
    """Returns a level with its move: `SPX 7,012 (−2.6%)`."""
    return f"SPX {fmt.fixed(spot, 0)} ({fmt.signed_percent(shift_pct, 1)})"


def crossing_text(crossing: Crossing | None) -> str:
    """Returns where a limit breaks, for a cell: `7,012 (−2.6%)`, `▲ now`, `holds`."""
    if crossing is None:
        return HOLDS
    if crossing.shift_pct == 0:
        return NOW
    return f"{fmt.fixed(crossing.spot, 0)} ({fmt.signed_percent(crossing.shift_pct, 1)})"


def is_broken_now(lane: LimitLane) -> bool:
    """Returns whether a limit is broken without any move."""
    return any(one is not None and one.shift_pct == 0 for one in (lane.down, lane.up))


@dataclass(frozen=True, slots=True)
class Sentence:
    """A line beside the map and the ink that says how bad it is."""

    text: str
    ink: Ink


def sentences(state: BreachMapState) -> tuple[Sentence, ...]:
    """Returns what is broken now, and what breaks next on each side."""
    broken = [lane for lane in state.lanes if is_broken_now(lane)]
    head: tuple[Sentence, ...] = ()
    if broken:
        names = " and ".join(short_name(lane.metric) for lane in broken)
        head = (Sentence(f"▲ Broken now: {names}", Ink.LIMIT_BREACHED),)
    word = "next" if broken else "first"
    low, high = float(np.min(state.spot_shifts_pct)), float(np.max(state.spot_shifts_pct))
    down = nearest([lane.down for lane in state.lanes]) if broken else state.first_down
    up = nearest([lane.up for lane in state.lanes]) if broken else state.first_up
    return (*head, _side("Down", down, word, low), _side("Up", up, word, high))


def nearest(crossings: list[Crossing | None]) -> Crossing | None:
    """Returns the crossing nearest to now that a move is needed for."""
    ahead = [one for one in crossings if one is not None and one.shift_pct != 0]
    return min(ahead, key=lambda one: abs(one.shift_pct), default=None)


def _side(name: str, crossing: Crossing | None, word: str, reach_pct: float) -> Sentence:
    if crossing is None:
        more = "further " if word == "next" else ""
        return Sentence(f"{name}: no {more}limit breaks to {move_text(reach_pct)}", Ink.TEXT)
    where = level_text(crossing.spot, crossing.shift_pct)
    return Sentence(f"{name}: {short_name(crossing.metric)} breaks {word} at {where}", Ink.TEXT)


def note_text(note: AnalysisNote, units: str) -> str:
    """Returns method, units and coverage: `Full revaluation · $ · 42 positions, 2 left out`."""
    covered = fmt.plural(note.positions, "position")
    if note.left_out:
        covered += f", ▲ {note.left_out} left out"
    return " · ".join(part for part in (note.method, units, covered) if part)
