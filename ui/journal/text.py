"""Journal rows in a trader's words. Pure, no Qt; runs in the reader's thread."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from models.clock import NEW_YORK
from models.enums import Action, JournalStatus, Metric, Regime
from models.errors import InvalidInput
from models.occ import parse_occ
from ui import format as fmt
from ui.theme import Ink, regime_ink

if TYPE_CHECKING:
    from database.journal_query import AuditRow, JournalEdit, JournalRow

ARROW = "→"
_EXCERPT = 160
#: Keys of the journal's Greeks objects, as 002 section 1.1 names them.
_GREEKS = (("spx_delta", Metric.SPX_DELTA), ("gamma", Metric.GAMMA), ("theta", Metric.THETA), ("vega", Metric.VEGA))
_STATUS_INKS = {
    JournalStatus.FILLED.value: Ink.GAIN,
    JournalStatus.PARTIAL.value: Ink.WARNING,
    JournalStatus.CANCELLED.value: Ink.TEXT_MUTED,
}
#: Facts of an audit row that are worth a line, in order, with the words for them.
_AUDIT_FACTS = ("status", "filled_packages", "limit_price", "action", "quantity", "price", "reason")


@dataclass(frozen=True, slots=True)
class GreekLine:
    """One portfolio Greek around a trade, as text, with its unit."""

    name: str
    unit: str
    before: str
    after: str
    change: str


def new_york(at_utc: datetime) -> str:
    """Returns date and time on the New York clock: `2026-05-04 15:45:12`."""
    return fmt.date_time(at_utc, NEW_YORK)


def regime_of(text: str | None) -> Regime | None:
    """Returns the regime a row was stamped with; None for one this desk does not know."""
    return Regime(text) if text is not None and text in Regime.__members__ else None


def regime_chip(text: str | None) -> tuple[str, Ink]:
    """Returns the chip of a regime."""
    regime = regime_of(text)
    return ("", Ink.TEXT_MUTED) if regime is None else (fmt.regime_name(regime), regime_ink(regime))


def status_chip(status: str) -> tuple[str, Ink]:
    """Returns the chip of a row's status."""
    return fmt.words(status), _STATUS_INKS.get(status, Ink.TEXT_MUTED)


def strategy(tag: str | None) -> str:
    """Returns a strategy tag in words; an em dash for none."""
    return fmt.words(tag) if tag else fmt.EM_DASH


def net_ink(net: float | None) -> Ink:
    """Returns the ink of a net amount; the word CR or DB is the other cue."""
    if net is None or net == 0:
        return Ink.TEXT_MUTED
    return Ink.SELL if net < 0 else Ink.BUY


def contract_label(leg: Mapping[str, Any]) -> str:
    """Returns a leg's contract as traders read it: `SPXW 15 Jun 26 6800 P`; the raw symbol when it is no OCC one."""
    symbol = str(leg["symbol"])
    if not leg.get("right") or leg.get("strike") is None or not leg.get("expiry"):
        return symbol
    try:
        root = parse_occ(symbol).root
    except InvalidInput:
        return symbol
    return f"{root} {fmt.expiry_date(date.fromisoformat(leg['expiry']))} {_strike(leg)} {leg['right']}"


def legs_summary(legs: tuple[dict[str, Any], ...]) -> str:
    """Returns the legs on one line: `−1 6800P / +1 6700P  15 Jun 26`."""
    parts = []
    for leg in legs:
        sign = "+" if leg.get("action") == Action.BUY.value else fmt.MINUS
        name = f"{_strike(leg)}{leg['right']}" if leg.get("right") else str(leg["symbol"])
        parts.append(f"{sign}{leg.get('qty', '?')} {name}")
    expiries = sorted({str(leg["expiry"]) for leg in legs if leg.get("expiry")})
    return "  ".join([" / ".join(parts), *(fmt.expiry_date(date.fromisoformat(day)) for day in expiries)])


def _strike(leg: Mapping[str, Any]) -> str:
    strike = leg.get("strike")
    return fmt.EM_DASH if strike is None else fmt.strike(Decimal(str(strike)))


def excerpt(text: str | None) -> str:
    """Returns the beginning of a text on one line."""
    line = " ".join((text or "").split())
    return line if len(line) <= _EXCERPT else f"{line[: _EXCERPT - 1].rstrip()}…"


def before_after(row: JournalRow, name: str, decimals: int) -> str:
    """Returns a portfolio Greek before and after: `−120.5 → −131.2`; an em dash where neither is known."""
    before, after = row.pre_greeks.get(name), row.post_greeks.get(name)
    if before is None and after is None:
        return fmt.EM_DASH
    return f"{fmt.signed(before, decimals)} {ARROW} {fmt.signed(after, decimals)}"


def greek_lines(row: JournalRow) -> tuple[GreekLine, ...]:
    """Returns the whole book's Greeks around the trade, in the units of the desk."""
    lines = []
    for key, metric in _GREEKS:
        before, after = row.pre_greeks.get(key), row.post_greeks.get(key)
        change = None if before is None or after is None else after - before
        texts = [fmt.metric_value(metric, value) for value in (before, after, change)]
        lines.append(GreekLine(fmt.metric_name(metric), fmt.metric_unit(metric), texts[0], texts[1], texts[2]))
    return tuple(lines)


def greeks_note(row: JournalRow) -> str:
    """Returns what qualifies the Greeks (positions left out, default betas); empty when nothing does."""
    if not row.pre_greeks and not row.post_greeks:
        return "The book could not be valued at this fill."
    notes = []
    greeks = row.post_greeks or row.pre_greeks
    excluded, defaulted = int(greeks.get("excluded") or 0), int(greeks.get("beta_defaulted") or 0)
    if excluded:
        notes.append(f"{fmt.plural(excluded, 'position')} without a usable quote left out")
    if defaulted:
        notes.append(f"{fmt.plural(defaulted, 'position')} on the default beta of 1")
    return "; ".join(notes)


def latency(latency_us: int | None) -> str:
    """Returns a latency in its handiest unit: `850 µs`, `12.4 ms`, `1.20 s`."""
    if latency_us is None:
        return ""
    if latency_us < 1000:
        return f"{latency_us} µs"
    return f"{latency_us / 1000:.1f} ms" if latency_us < 1_000_000 else f"{latency_us / 1_000_000:.2f} s"


def audit_facts(row: AuditRow) -> str:
    """Returns an audit row's state in a few words: `Filled, 2/2, CR 1.85` or `Sell 2 at 12.50`."""
    state = row.state
    words = []
    for key in _AUDIT_FACTS:
        value = state.get(key)
        if value in (None, "", 0) or (key in ("quantity", "price") and "action" in state):
            continue
        match key:
            case "filled_packages":
                words.append(fmt.filled(int(value), int(state.get("packages") or value)))
            case "limit_price":
                words.append(fmt.net_price(Decimal(str(value))))
            case "action":
                words.append(f"{fmt.words(str(value))} {state.get('quantity', '?')} at {state.get('price', '?')}")
            case "status":
                words.append(fmt.words(str(value)))
            case _:
                words.append(str(value))
    return ", ".join(words)


def trail_time(at_utc: datetime, trade_at_utc: datetime) -> str:
    """Returns a New York time to the millisecond, with its day when that is not the trade's."""
    at, trade = at_utc.astimezone(NEW_YORK), trade_at_utc.astimezone(NEW_YORK)
    clock = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
    return clock if at.date() == trade.date() else f"{at:%m-%d} {clock}"


def edit_line(edit: JournalEdit) -> str:
    """Returns one edit of the user's words in a line: when, and what stood there before."""
    if edit.field == "tags":
        return f"{new_york(edit.at_utc)}  tags were: {_tags(edit.before)}"
    return f"{new_york(edit.at_utc)}  rationale was: {f'“{excerpt(edit.before)}”' if edit.before else 'empty'}"


def _tags(text: str | None) -> str:
    return ", ".join(json.loads(text)) if text and text != "[]" else "none"
