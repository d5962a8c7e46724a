"""Columns of the positions tree: text, raw sort value, colour and tooltip of a line. Pure but for theme inks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from execution.views import RowStatus
from models.enums import BetaSource, BrokerName
from ui import format as fmt
from ui import quote_kind
from ui.greeks_words import APART_SIGN, DELTA, OURS_COUNT, VOL, Compared, Measure, short_name
from ui.positions.figures import COUNTED, PER_UNIT, Figures
from ui.positions.tree import Level, Node, packages
from ui.theme import Ink, sign_ink

_BETA_BADGES = {
    BetaSource.EXACT: "exact",
    BetaSource.OVERRIDE: "mine",
    BetaSource.TASTYTRADE: "tasty",
    BetaSource.YFINANCE: "yf",
    BetaSource.CONFIG: "cfg",
    BetaSource.DEFAULT: "default!",
}
STATUS_WORDS = {
    RowStatus.OK: "",
    RowStatus.STALE: "The quote is stale, or the broker of the account is down: figures are from the last update.",
    RowStatus.NO_QUOTE: "No quote: left out of every total.",
    RowStatus.ONE_SIDED: "The quote has one side only: left out of every total.",
    RowStatus.NO_VOL: "No implied volatility can be found: left out of the Greeks.",
    RowStatus.NO_UNDERLYING: "No price of the underlying: left out of the Greeks.",
    RowStatus.EXPIRED: "Expired, waiting for the broker to settle it: left out of every total.",
}


class Column(IntEnum):
    """Logical columns, in default order."""

    NAME = 0
    QTY = 1
    PNL_OPEN = 2
    SPX_DELTA = 3
    THETA = 4
    DTE = 5
    MARK = 6
    PNL_DAY = 7
    GAMMA = 8
    VEGA = 9
    IV = 10
    BETA = 11
    AVERAGE = 12
    MARKET_VALUE = 13
    EXTRINSIC = 14
    UNDERLYING_PRICE = 15
    QUOTE_AGE = 16
    ACCOUNT = 17
    UNIT_DELTA = 18
    BROKER_DELTA = 19
    BROKER_IV = 20


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A column's header, explanation, width in pixels, and the field of Figures it shows (if it is one)."""

    header: str
    tip: str
    width: int
    field: str | None = None
    show: Callable[[float], str] | None = None
    is_signed: bool = False
    is_default: bool = True
    #: The other source's field, with which the figure is compared.
    beside: str | None = None


SPECS: dict[Column, ColumnSpec] = {
    Column.NAME: ColumnSpec("Position", "Underlying, strategy, leg", 212),
    Column.QTY: ColumnSpec("Qty", "Signed contracts or shares; packages of a strategy", 42),
    Column.PNL_OPEN: ColumnSpec("P&L open", "Dollars since entry", 72, "pnl_open", fmt.signed_money, is_signed=True),
    Column.SPX_DELTA: ColumnSpec("SPX Δ", "Beta-weighted delta, $ per SPX point", 58, "spx_equiv_delta", fmt.delta),
    Column.THETA: ColumnSpec("Theta", "Dollars per calendar day", 72, "theta_per_day", fmt.signed_money),
    Column.DTE: ColumnSpec("DTE", "Calendar days to expiry, AM or PM settled; hours on the last day", 64),
    Column.MARK: ColumnSpec("Mark", "Mid of the quote, or last price", 62, "mark", fmt.price, is_default=False),
    Column.PNL_DAY: ColumnSpec(
        "P&L day", "Dollars since yesterday's close", 76, "pnl_day", fmt.signed_money, is_signed=True, is_default=False
    ),
    Column.GAMMA: ColumnSpec("Gamma", "Beta-weighted, deltas per SPX point", 58, "gamma", fmt.gamma, is_default=False),
    Column.VEGA: ColumnSpec("Vega", "Dollars per vol point", 72, "vega_per_point", fmt.signed_money, is_default=False),
    Column.IV: ColumnSpec(
        "IV", "Implied volatility of the mark", 58, "iv", fmt.vol, is_default=False, beside="broker_iv"
    ),
    Column.BETA: ColumnSpec("Beta", "Beta to SPX and where it came from", 86, is_default=False),
    Column.AVERAGE: ColumnSpec("Avg", "Average entry price per share", 62, is_default=False),
    Column.MARKET_VALUE: ColumnSpec(
        "Value", "Market value in dollars", 74, "market_value", fmt.signed_money, is_default=False
    ),
    Column.EXTRINSIC: ColumnSpec(
        "Extrinsic", "Time value in dollars", 74, "extrinsic_value", fmt.signed_money, is_default=False
    ),
    Column.UNDERLYING_PRICE: ColumnSpec(
        "Und. price", "Live price of the underlying", 74, "underlying_price", fmt.price, is_default=False
    ),
    Column.QUOTE_AGE: ColumnSpec("Age", "Age of the quote", 46, "quote_age_s", fmt.age, is_default=False),
    Column.ACCOUNT: ColumnSpec("Account", "Account and broker", 96, is_default=False),
    Column.UNIT_DELTA: ColumnSpec(
        "Δ",
        f"Delta of one option, the desk's own. {OURS_COUNT}",
        68,
        "unit_delta",
        fmt.unit_delta,
        is_default=False,
        beside="broker_delta",
    ),
    Column.BROKER_DELTA: ColumnSpec(
        "Δ",
        f"Delta of one option by the broker's model. {OURS_COUNT}",
        68,
        "broker_delta",
        fmt.unit_delta,
        is_default=False,
        beside="unit_delta",
    ),
    Column.BROKER_IV: ColumnSpec(
        "IV",
        f"Implied volatility by the broker's model. {OURS_COUNT}",
        74,
        "broker_iv",
        fmt.vol,
        is_default=False,
        beside="iv",
    ),
}
#: There only when the broker has a model of its own (`Capability.MODEL_GREEKS`): both deltas side by side, and its vol.
MODEL_COLUMNS = frozenset({Column.UNIT_DELTA, Column.BROKER_DELTA, Column.BROKER_IV})
_BROKERS = frozenset({Column.BROKER_DELTA, Column.BROKER_IV})
_MEASURES: dict[Column, Measure] = {
    Column.IV: VOL,
    Column.BROKER_IV: VOL,
    Column.UNIT_DELTA: DELTA,
    Column.BROKER_DELTA: DELTA,
}

#: Shown besides the default ones while there is room, the most useful first.
SPARE = (
    Column.BROKER_DELTA,
    Column.UNIT_DELTA,
    Column.VEGA,
    Column.BETA,
    Column.MARK,
    Column.GAMMA,
    Column.PNL_DAY,
    Column.IV,
)


@dataclass(frozen=True, slots=True)
class Line:
    """Everything needed to show one line."""

    figures: Figures | None
    node: Node

    @property
    def status(self) -> RowStatus | None:
        """Status of a leg; None for lines above and before the first figures."""
        if self.node.level is not Level.LEG or self.figures is None:
            return None
        return self.figures.status[self.node.slot]

    @property
    def is_delayed(self) -> bool:
        """Whether the line rests on a delayed quote."""
        return self.figures is not None and bool(self.figures.delayed[self.node.level][self.node.slot])

    @property
    def differs(self) -> bool:
        """Whether a leg of the line has a figure that differs from the broker's enough to be marked."""
        return self.figures is not None and bool(self.figures.differs[self.node.level][self.node.slot])

    def is_apart(self, column: Column) -> bool:
        """Whether the cell's figure and the other source's differ enough to be marked; legs only."""
        if self.figures is None or self.node.level is not Level.LEG or column not in _MEASURES:
            return False
        return bool(self.figures.apart[SPECS[column].field or ""][self.node.slot])


def header(column: Column, broker: BrokerName | None) -> str:
    """Returns a column's title; the broker's own figures carry its short name."""
    if column not in _BROKERS:
        return SPECS[column].header
    return f"{'Broker' if broker is None else short_name(broker)} {SPECS[column].header}"


def text(line: Line, column: Column, now_utc: datetime | None) -> str:
    """Returns the text of a cell; a sum with legs left out carries a star."""
    spec = SPECS[column]
    if spec.field is not None and spec.show is not None:
        shown = _figure(line, spec.field, spec.show)
        return f"{APART_SIGN} {shown}" if line.is_apart(column) else shown
    return _TEXTS[column](line, now_utc)


def raw_field(line: Line, name: str) -> float:
    """Returns a figure, NaN when unknown."""
    return math.nan if line.figures is None else line.figures.value(line.node, name)


def sort_key(line: Line, column: Column) -> tuple[int, float, str]:
    """Returns a raw-value key; the first part is 2 for unknown figures, which are sorted last either way."""
    spec = SPECS[column]
    if spec.field is not None:
        value = raw_field(line, spec.field)
        return _UNKNOWN_KEY if math.isnan(value) else (0, value, "")
    return _KEYS[column](line)


def _figure(line: Line, name: str, show: Callable[[float], str]) -> str:
    value = raw_field(line, name)
    if math.isnan(value):
        # Lines above a leg have no mark or vol of their own, shares none of the broker's model: nothing is unknown.
        is_above = name in PER_UNIT and line.node.level is not Level.LEG
        is_no_option = name in _OF_OPTIONS and not line.node.legs[0].row.contract.is_option
        return "" if is_above or is_no_option else fmt.EM_DASH
    is_partial = line.figures is not None and line.figures.missing(line.node, name) > 0
    return f"{show(value)}*" if is_partial else show(value)


def ink(line: Line, column: Column) -> Ink | None:
    """Returns the ink of a cell, None for the default text colour."""
    status = line.status
    if status is not None and status is not RowStatus.OK:
        return Ink.WARNING if column is Column.NAME and status not in COUNTED else Ink.STALE
    if line.is_apart(column) or (column is Column.NAME and line.is_delayed):
        return Ink.WARNING
    spec = SPECS[column]
    if spec.is_signed and spec.field is not None:
        return sign_ink(raw_field(line, spec.field))
    if column is Column.BETA and any(leg.row.beta_source is BetaSource.DEFAULT for leg in line.node.legs):
        return Ink.WARNING
    if column is Column.DTE and line.figures is not None:
        first = line.node.first_expiry_utc
        if first is not None and fmt.days_to_expiry(first, line.figures.at_utc) <= 0:
            return Ink.WARNING
    return None


def tooltip(line: Line, column: Column, source: BrokerName | None = None) -> str:
    """Returns what is behind a cell: why a figure is missing, both sources' Greeks, the expiry, the beta's source.

    `source` is whose model the broker's Greeks are of, None = the account's own broker.
    """
    status = "" if line.status is None else STATUS_WORDS[line.status]
    told = "\n".join(part for part in (status, comparison(line, column, source)) if part)
    if column is not Column.NAME:
        return told or _details(line, column)
    delayed = quote_kind.EXPLAINED[quote_kind.DELAYED] if line.is_delayed else ""
    return "\n".join(part for part in (told or _details(line, column), delayed, _why_differs(line, source)) if part)


def comparison(line: Line, column: Column, source: BrokerName | None = None) -> str:
    """Returns the desk's figure and the broker's in words; empty where the broker has none and none is asked for.

    `source` is whose model it is, None = the account's own broker.
    """
    measure = _MEASURES.get(column)
    row = line.node.legs[0].row
    if measure is None or line.node.level is not Level.LEG or line.figures is None or not row.contract.is_option:
        return ""
    ours, theirs = ("iv", "broker_iv") if measure is VOL else ("unit_delta", "broker_delta")
    if column not in _BROKERS and math.isnan(raw_field(line, theirs)):
        return ""
    return Compared(
        measure=measure,
        broker=source or row.broker,
        ours=raw_field(line, ours),
        theirs=raw_field(line, theirs),
        quote_age_s=raw_field(line, "quote_age_s"),
        broker_age_s=raw_field(line, "broker_age_s"),
        is_apart=line.is_apart(column),
    ).text


def _why_differs(line: Line, source: BrokerName | None) -> str:
    if not line.differs:
        return ""
    if line.node.level is not Level.LEG:
        return f"{APART_SIGN} The broker's model differs from the desk's in a leg below."
    return "\n".join(
        comparison(line, column, source) for column in (Column.UNIT_DELTA, Column.IV) if line.is_apart(column)
    )


def _details(line: Line, column: Column) -> str:
    spec = SPECS[column]
    if line.figures is not None and spec.field is not None and line.figures.missing(line.node, spec.field):
        missing = line.figures.missing(line.node, spec.field)
        return f"* {fmt.plural(missing, 'leg')} left out: the figure is unknown."
    legs = line.node.legs
    if column is Column.BETA:
        lines = (
            f"{leg.row.contract.underlying}: {fmt.beta(leg.row.beta)} ({leg.row.beta_source.value})" for leg in legs
        )
        return "\n".join(dict.fromkeys(lines))
    first = line.node.first_expiry_utc
    if column is Column.DTE and first is not None:
        return f"settles {fmt.date_time(first)} your time"
    if column is not Column.NAME:
        return ""
    is_leg = line.node.level is Level.LEG
    return f"{legs[0].group.name}\n{legs[0].row.broker.value} {legs[0].row.account_id}" if is_leg else line.node.title


def _quantity(line: Line) -> str:
    if line.node.level is Level.LEG:
        return fmt.quantity(line.node.legs[0].quantity)
    return fmt.quantity(packages(line.node.legs)) if line.node.level is Level.STRATEGY else ""


def _quantity_key(line: Line) -> tuple[int, float, str]:
    if line.node.level is Level.LEG:
        return (0, float(line.node.legs[0].quantity), "")
    return (0, float(packages(line.node.legs) or 0), "")


def _beta(line: Line) -> str:
    values = {(leg.row.beta, leg.row.beta_source) for leg in line.node.legs}
    if len(values) != 1 or line.node.level is Level.STRATEGY:
        return ""
    value, source = values.pop()
    return f"{fmt.beta(value)} {_BETA_BADGES[source]}"


def _average(line: Line) -> str:
    return fmt.price(line.node.legs[0].row.average_price) if line.node.level is Level.LEG else ""


def _average_key(line: Line) -> tuple[int, float, str]:
    return (0, float(line.node.legs[0].row.average_price), "") if line.node.level is Level.LEG else _UNKNOWN_KEY


def badged_accounts(line: Line) -> str:
    """Returns the account of a line with its broker, `IB DU1234567`; of several accounts the brokers: `IB + TT`."""
    accounts = {leg.row.account_id: short_name(leg.row.broker) for leg in line.node.legs}
    if len(accounts) > 1:
        return " + ".join(sorted(set(accounts.values())))
    return "".join(f"{badge} {account_id}" for account_id, badge in accounts.items())


def is_all_stale(line: Line) -> bool:
    """Returns whether no leg of a strategy has figures of this moment, as where its broker is down."""
    if line.figures is None or line.node.level is not Level.STRATEGY:
        return False
    return all(line.figures.status[leg.slot] is RowStatus.STALE for leg in line.node.children)


def _accounts(line: Line) -> str:
    return " ".join(dict.fromkeys(leg.row.account_id for leg in line.node.legs))


def _dte(line: Line, now_utc: datetime | None) -> str:
    first = line.node.first_expiry_utc
    if first is None or now_utc is None:
        return ""
    badges = {
        fmt.settlement_badge(leg.row.contract.settlement) for leg in line.node.legs if leg.expires_at_utc == first
    }
    badge = badges.pop() if len(badges) == 1 else ""
    return f"{fmt.dte(first, now_utc)} {badge}".strip()


def _dte_key(line: Line) -> tuple[int, float, str]:
    first = line.node.first_expiry_utc
    return _UNKNOWN_KEY if first is None else (0, first.timestamp(), "")


def _name_key(line: Line) -> tuple[int, float, str]:
    first = line.node.first_expiry_utc
    is_underlying = line.node.level is Level.UNDERLYING
    return (0, 0.0 if first is None or is_underlying else first.timestamp(), line.node.title)


def _name(line: Line) -> str:
    badges = ((_DELAYED, line.is_delayed), (APART_SIGN, line.differs))
    return "  ".join((line.node.title, *(badge for badge, is_shown in badges if is_shown)))


_DELAYED = "· dly"
_OF_OPTIONS = frozenset({"broker_iv", "broker_delta"})
_UNKNOWN_KEY = (2, 0.0, "")
_TEXTS: dict[Column, Callable[[Line, datetime | None], str]] = {
    Column.NAME: lambda line, _now: _name(line),
    Column.QTY: lambda line, _now: _quantity(line),
    Column.BETA: lambda line, _now: _beta(line),
    Column.DTE: _dte,
    Column.AVERAGE: lambda line, _now: _average(line),
    Column.ACCOUNT: lambda line, _now: _accounts(line),
}
_KEYS: dict[Column, Callable[[Line], tuple[int, float, str]]] = {
    Column.NAME: _name_key,
    Column.QTY: _quantity_key,
    Column.BETA: lambda line: (0, line.node.legs[0].row.beta, ""),
    Column.DTE: _dte_key,
    Column.AVERAGE: _average_key,
    Column.ACCOUNT: lambda line: (0, 0.0, _accounts(line)),
}
