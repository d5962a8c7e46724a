"""Contracts as the wire writes them, and a reader that takes a client's fields one by one, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from tests.simulators.tws.framing import UNSET_INT, Field, Fields, ProtocolError

ZERO = Decimal(0)
#: Doubles from here on mean "unset", whichever language wrote them.
_UNSET_FROM = Decimal("1e300")


@dataclass(frozen=True, slots=True)
class WireComboLeg:
    """One leg of a BAG. `action` is BUY or SELL as in an order to buy the bag. Market data requests name only four."""

    con_id: int
    ratio: int
    action: str
    exchange: str = "SMART"
    #: 0 same as the bag, 1 open, 2 close.
    open_close: int = 0
    short_sale_slot: int = 0
    designated_location: str = ""
    exempt_code: int = -1


@dataclass(frozen=True, slots=True)
class WireDeltaNeutral:
    """The underlying a delta-neutral combo is hedged with."""

    con_id: int
    delta: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class WireContract:
    """A contract's fields in the wire's own words; texts are empty and numbers 0 where nothing was said."""

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    #: YYYYMMDD, or YYYYMM in a question.
    last_trade: str = ""
    strike: Decimal = ZERO
    #: "C", "P", in questions also "CALL" and "PUT"; empty or "?" for anything but an option.
    right: str = ""
    multiplier: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    combo_legs: tuple[WireComboLeg, ...] = ()
    delta_neutral: WireDeltaNeutral | None = None

    @property
    def is_bag(self) -> bool:
        """Whether this is a combo."""
        return self.sec_type == "BAG"

    def eleven(self, *, exchange: str | None = None, right: str | None = None) -> Fields:
        """The fields of TWS's messages: without primaryExchange. `exchange` and `right` override the contract's."""
        return (
            *(self.con_id, self.symbol, self.sec_type, self.last_trade, self.strike),
            self.right if right is None else right,
            self.multiplier,
            self.exchange if exchange is None else exchange,
            *(self.currency, self.local_symbol, self.trading_class),
        )


class FieldReader:
    """Takes fields from the front, each by its name. Every method raises ProtocolError for a field it cannot read."""

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = tuple(fields)
        self._next = 0

    def text(self, name: str) -> str:
        """The next field as it stands."""
        if self._next >= len(self._fields):
            raise ProtocolError(f"field {name!r} is missing after {self._next} fields: {self._fields!r}")
        field = self._fields[self._next]
        self._next += 1
        return field

    def integer(self, name: str, default: int = 0) -> int:
        """A whole number; `default` for an empty field."""
        field = self.text(name)
        try:
            return int(field) if field else default
        except ValueError:
            raise ProtocolError(f"field {name!r} is no whole number: {field!r}") from None

    def number(self, name: str) -> Decimal | None:
        """A number; None for an empty field and for the unset double."""
        return number_of(name, self.text(name))

    def flag(self, name: str) -> bool:
        """Truth: 1, or 0 and empty."""
        field = self.text(name)
        if field not in {"", "0", "1"}:
            raise ProtocolError(f"field {name!r} is neither 0 nor 1: {field!r}")
        return field == "1"

    def count(self, name: str) -> int:
        """How many things follow."""
        count = self.integer(name)
        if not 0 <= count <= len(self._fields) - self._next:
            raise ProtocolError(f"field {name!r} announces {count} things, more than the message has fields")
        return count

    def contract(self) -> WireContract:
        """The twelve fields of a contract in a client's message."""
        return WireContract(
            con_id=self.integer("conId"),
            symbol=self.text("symbol"),
            sec_type=self.text("secType"),
            last_trade=self.text("lastTradeDateOrContractMonth"),
            strike=self.number("strike") or ZERO,
            right=self.text("right"),
            multiplier=self.text("multiplier"),
            exchange=self.text("exchange"),
            primary_exchange=self.text("primaryExchange"),
            currency=self.text("currency"),
            local_symbol=self.text("localSymbol"),
            trading_class=self.text("tradingClass"),
        )

    def short_legs(self) -> tuple[WireComboLeg, ...]:
        """The legs of a BAG in a request for data: four fields each."""
        return tuple(
            WireComboLeg(
                con_id=self.integer("leg.conId"),
                ratio=self.integer("leg.ratio"),
                action=self.text("leg.action"),
                exchange=self.text("leg.exchange"),
            )
            for _ in range(self.count("number of legs"))
        )

    def order_legs(self) -> tuple[WireComboLeg, ...]:
        """The legs of a BAG in an order: eight fields each."""
        return tuple(
            WireComboLeg(
                con_id=self.integer("leg.conId"),
                ratio=self.integer("leg.ratio"),
                action=self.text("leg.action"),
                exchange=self.text("leg.exchange"),
                open_close=self.integer("leg.openClose"),
                short_sale_slot=self.integer("leg.shortSaleSlot"),
                designated_location=self.text("leg.designatedLocation"),
                exempt_code=self.integer("leg.exemptCode", default=-1),
            )
            for _ in range(self.count("number of legs"))
        )

    def delta_neutral(self) -> WireDeltaNeutral | None:
        """0, or 1 and three fields."""
        if not self.flag("deltaNeutralContract"):
            return None
        return WireDeltaNeutral(
            con_id=self.integer("deltaNeutral.conId"),
            delta=self.number("deltaNeutral.delta") or ZERO,
            price=self.number("deltaNeutral.price") or ZERO,
        )

    def pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        """A counted list of tag and value."""
        return tuple((self.text(f"{name}.tag"), self.text(f"{name}.value")) for _ in range(self.count(name)))

    def rest(self) -> tuple[str, ...]:
        """What nobody asked for: empty when the layout is right."""
        rest = self._fields[self._next :]
        self._next = len(self._fields)
        return rest


def number_of(name: str, text: str) -> Decimal | None:
    """A number from its text; None for empty, for the unset double and for the unset int."""
    if not text or text == UNSET_INT:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ProtocolError(f"field {name!r} is no number: {text!r}") from None
    return None if abs(value) > _UNSET_FROM else value


def order_leg_fields(legs: Sequence[WireComboLeg]) -> tuple[Field, ...]:
    """A counted list of legs, eight fields each, as TWS echoes an order."""
    fields: list[Field] = [len(legs)]
    for leg in legs:
        fields += (leg.con_id, leg.ratio, leg.action, leg.exchange)
        fields += (leg.open_close, leg.short_sale_slot, leg.designated_location, leg.exempt_code)
    return tuple(fields)
