"""A tradable thing, known by one canonical key.

Keys: an option is its padded OCC symbol (`SPXW  260515P07000000`), a stock, ETF or index its ticker (`AAPL`, `SPX`), a
future its symbol (`/ESZ6`), an option on a future `./ESZ6 E1AZ6 261204C6700`. SPX (AM) and SPXW (PM) never share a key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from models.enums import Delivery, ExerciseStyle, InstrumentKind, Right, Settlement
from models.errors import InvalidInput
from models.expiry import settlement_instant_utc
from models.ids import ContractKey
from models.occ import OccSymbol, occ_symbol, parse_occ
from models.product import (
    FUTURE_OPTION_TICK,
    FUTURES,
    PENNY,
    TickRule,
    future_option_style,
    future_root,
    option_product,
    underlying_kind,
)

_OPTION_KINDS = frozenset({InstrumentKind.OPTION, InstrumentKind.FUTURE_OPTION})


@dataclass(frozen=True, slots=True)
class Contract:
    """Everything about a contract that does not change from tick to tick. Equal when the keys are equal."""

    key: ContractKey
    kind: InstrumentKind = field(compare=False)
    #: Symbol of what it derives from; its own for stocks and indices, `/ESZ6` for a future and its options.
    underlying: str = field(compare=False)
    #: Dollars per point per contract.
    multiplier: Decimal = field(compare=False)
    tick: TickRule = field(compare=False)
    #: Increment of a package that holds this contract.
    net_tick: TickRule = field(compare=False)
    #: Option root / trading class (`SPXW`), or the futures product (`/ES`), or the ticker.
    root: str = field(compare=False)
    right: Right | None = field(default=None, compare=False)
    strike: Decimal | None = field(default=None, compare=False)
    expiry: date | None = field(default=None, compare=False)
    settlement: Settlement | None = field(default=None, compare=False)
    style: ExerciseStyle | None = field(default=None, compare=False)
    delivery: Delivery | None = field(default=None, compare=False)
    #: IBKR conid when known (0 = not).
    conid: int = field(default=0, compare=False)

    @property
    def is_option(self) -> bool:
        """Whether it has a strike and a right."""
        return self.kind in _OPTION_KINDS

    @property
    def is_adjusted(self) -> bool:
        """Whether a stock option's root carries the digit of a corporate action (`AAPL7`): no certain 100 shares."""
        return (
            self.is_option
            and self.root != self.underlying
            and self.root.rstrip("0123456789") == self.underlying
            and not self.underlying.startswith("/")
        )

    @property
    def expires_at_utc(self) -> datetime | None:
        """The exact settlement instant; None for what does not expire."""
        if self.expiry is None:
            return None
        return settlement_instant_utc(self.expiry, self.settlement or Settlement.PM)

    @property
    def label(self) -> str:
        """A short name a trader reads: `SPXW 15 May 26 7000 P`, `AAPL`, `/ESZ6`."""
        if not self.is_option or self.expiry is None or self.strike is None or self.right is None:
            return str(self.key)
        return f"{self.root} {self.expiry.day} {self.expiry:%b %y} {plain(self.strike)} {self.right.value}"


def plain(number: Decimal) -> str:
    """Returns a decimal without exponent or trailing zeros: `7000`, `7002.5`."""
    text = f"{number.normalize():f}"
    return "0" if text == "-0" else text


def option_contract(root: str, expiry: date, right: Right, strike: Decimal, *, conid: int = 0) -> Contract:
    """Returns a listed equity or index option; raises InvalidInput when the facts do not make an OCC symbol."""
    return contract_of_occ(occ_symbol(root, expiry, right, strike), conid=conid)


def contract_of_occ(symbol: OccSymbol | str, *, conid: int = 0, multiplier: Decimal | None = None) -> Contract:
    """Returns the option an OCC symbol names; `multiplier` overrides the product table (adjusted contracts)."""
    occ = parse_occ(symbol) if isinstance(symbol, str) else symbol
    product = option_product(occ.root)
    return Contract(
        key=ContractKey(occ.padded()),
        kind=InstrumentKind.OPTION,
        underlying=product.underlying,
        multiplier=product.multiplier if multiplier is None else multiplier,
        tick=product.tick,
        net_tick=product.net_tick,
        root=occ.root,
        right=occ.right,
        strike=occ.strike,
        expiry=occ.expiry,
        settlement=product.settlement,
        style=product.style,
        delivery=product.delivery,
        conid=conid,
    )


def underlying_contract(symbol: str, *, expiry: date | None = None, conid: int = 0) -> Contract:
    """Returns the stock, ETF, index or future a symbol names; raises InvalidInput for an unknown futures product."""
    kind = underlying_kind(symbol)
    if kind is InstrumentKind.FUTURE:
        try:
            product = FUTURES[future_root(symbol)]
        except KeyError as error:
            raise InvalidInput("symbol", f"{symbol!r} is not a futures product the desk knows.") from error
        return Contract(
            key=ContractKey(symbol),
            kind=kind,
            underlying=symbol,
            multiplier=product.multiplier,
            tick=product.tick,
            net_tick=product.tick,
            root=product.root,
            expiry=expiry,
            conid=conid,
        )
    return Contract(
        key=ContractKey(symbol),
        kind=kind,
        underlying=symbol,
        multiplier=Decimal(1),
        tick=PENNY,
        net_tick=PENNY,
        root=symbol,
        conid=conid,
    )


def future_option_contract(
    key: str, *, future: str, root: str, expiry: date, right: Right, strike: Decimal, settlement: Settlement
) -> Contract:
    """Returns an option on the future `future` (`/ESZ6`); its multiplier is the future's."""
    product = FUTURES[future_root(future)]
    return Contract(
        key=ContractKey(key),
        kind=InstrumentKind.FUTURE_OPTION,
        underlying=future,
        multiplier=product.multiplier,
        tick=FUTURE_OPTION_TICK,
        net_tick=FUTURE_OPTION_TICK,
        root=root,
        right=right,
        strike=strike,
        expiry=expiry,
        settlement=settlement,
        style=future_option_style(product.root, root),
        delivery=Delivery.UNDERLYING,
    )
