"""What is listed: questions for contracts, option classes and price rules, answered from the market."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from execution.brokers.paper.market import MarketSource
from execution.brokers.port import ChainExpiry
from models.clock import new_york_time
from models.contract import Contract
from models.enums import InstrumentKind, Settlement
from models.ids import ContractKey
from models.product import FUTURES
from tests.simulators.tws.con_ids import ConIds
from tests.simulators.tws.contracts import WireContract
from tests.simulators.tws.error_texts import text_of_code
from tests.simulators.tws.naming import (
    SEC_TYPES,
    date_text,
    future_symbol,
    futures_exchange,
    last_trade_date,
    valid_exchanges,
    wire_contract,
    wire_details,
)
from tests.simulators.tws.replies import WireDetails

_MONTH_CODES: Final = "FGHJKMNQUVXZ"


class Refusal(Exception):
    """TWS refuses: its code and its words."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text or text_of_code(code))
        self.code = code
        self.text = text or text_of_code(code)


@dataclass(frozen=True, slots=True)
class OptionClass:
    """One row of the option parameters without its exchange."""

    trading_class: str
    multiplier: str
    expirations: tuple[str, ...]
    strikes: tuple[Decimal, ...]


@dataclass(slots=True)
class Listing:
    """The contracts of a market under their ids. What is listed is looked up once a New York day."""

    market: MarketSource
    con_ids: ConIds
    _day: date | None = None
    _futures: tuple[Contract, ...] = ()
    _classes: dict[str, tuple[OptionClass, ...]] = field(default_factory=dict)

    def wire(self, contract: Contract) -> WireContract:
        """Returns a contract as TWS writes it."""
        return wire_contract(contract, self.con_ids.of(contract.key))

    def details(self, contract: Contract) -> WireDetails:
        """Returns all that is known of a contract."""
        return wire_details(contract, self.con_ids.of)

    def find(self, asked: WireContract, now_utc: datetime) -> list[Contract]:
        """Returns every listed contract that fits a question; raises Refusal when there is none or it is no question.

        An id is enough; beside an id the date must agree.
        """
        self._renew(now_utc)
        if asked.is_bag:
            raise Refusal(321, "Error validating request.-'bI' : cause - Combination contracts have no details.")
        if asked.con_id:
            found = [self._by_id(asked)]
        elif asked.sec_type not in SEC_TYPES.values():
            raise Refusal(321, "Error validating request.-'bQ' : cause - Please enter a valid security type")
        else:
            found = [one for one in self._candidates(asked, now_utc) if self._fits(one, asked)]
        if not found:
            raise Refusal(200)
        return found

    def one(self, asked: WireContract, now_utc: datetime) -> Contract:
        """Returns the one contract an order or a line names; raises Refusal for none, for several, for no exchange."""
        if not asked.exchange:
            raise Refusal(321, "Error validating request.-'bN' : cause - Please enter exchange")
        found = self.find(asked, now_utc)
        if len(found) > 1:
            raise Refusal(200, f"The contract description specified for {asked.symbol} is ambiguous.")
        return found[0]

    def by_id(self, con_id: int) -> Contract | None:
        """Returns the listed contract of an id, None for an unknown one."""
        key = self.con_ids.key(con_id)
        return None if key is None else self.market.resolve(key)

    def classes(self, under_con_id: int, now_utc: datetime) -> tuple[Contract, tuple[OptionClass, ...]]:
        """Returns an underlying and its option classes; strikes are the union over a class's dates.

        Raises Refusal for an id that names no underlying.
        """
        self._renew(now_utc)
        under = self.by_id(under_con_id)
        if under is None or under.is_option:
            raise Refusal(321, "Error validating request.-'cg' : cause - Invalid contract id")
        known = self._classes.get(under.underlying)
        if known is None:
            known = self._classes[under.underlying] = tuple(self._work_out_classes(under, now_utc))
        return under, known

    def exchanges_of_options(self, under: Contract) -> tuple[str, ...]:
        """Returns the exchanges on which an underlying's options are told."""
        if under.kind is InstrumentKind.FUTURE:
            return (futures_exchange(under.root),)
        return ("SMART", "CBOE") if under.kind is InstrumentKind.INDEX else ("SMART", "AMEX", "CBOE", "ISE")

    def _renew(self, now_utc: datetime) -> None:
        today = new_york_time(now_utc).date()
        if today != self._day:
            self._day = today
            self._futures = tuple(self._listed_futures(today))
            self._classes.clear()

    def _listed_futures(self, today: date) -> Iterator[Contract]:
        """Every future the market knows: month by month, this year's and the years to come."""
        for root in FUTURES:
            for year in range(today.year, today.year + 5):
                for code in _MONTH_CODES:
                    found = self.market.resolve(ContractKey(f"{root}{code}{year % 10}"))
                    if found is not None and found.expiry is not None and found.expiry >= today:
                        yield found

    def _by_id(self, asked: WireContract) -> Contract:
        found = self.by_id(asked.con_id)
        if found is None:
            raise Refusal(200)
        last_trade = date_text(last_trade_date(found))
        if asked.last_trade and not last_trade.startswith(asked.last_trade):
            what = f"requested expiry {asked.last_trade}, in contract {last_trade};"
            raise Refusal(478, f"{text_of_code(478)}: {what}")
        if asked.exchange and asked.exchange not in valid_exchanges(found):
            raise Refusal(200)
        return found

    def _candidates(self, asked: WireContract, now_utc: datetime) -> Iterator[Contract]:
        if asked.sec_type in {"STK", "IND"}:
            found = self.market.resolve(ContractKey(asked.symbol or asked.local_symbol))
            if found is not None:
                yield found
        elif asked.sec_type == "FUT":
            yield from self._futures
        elif asked.sec_type == "OPT" and asked.local_symbol:
            named = self.market.resolve(ContractKey(asked.local_symbol))
            yield from () if named is None else (named,)
        else:
            for under in self._underlyings(asked):
                for expiry in self.market.expiries(under, now_utc):
                    if self._may_hold(expiry, asked):
                        yield from self.market.chain(expiry)

    def _underlyings(self, asked: WireContract) -> tuple[str, ...]:
        if asked.sec_type == "OPT":
            return (asked.symbol,)
        return tuple(str(one.key) for one in self._futures if future_symbol(one.root) == asked.symbol)

    @staticmethod
    def _may_hold(expiry: ChainExpiry, asked: WireContract) -> bool:
        if asked.trading_class not in ("", expiry.root):
            return False
        months = {f"{expiry.expiry:%Y%m}"}
        if expiry.settlement is Settlement.AM and expiry.expiry.day <= 4:
            return True
        return not asked.last_trade or asked.last_trade[:6] in months

    def _fits(self, contract: Contract, asked: WireContract) -> bool:
        if SEC_TYPES[contract.kind] != asked.sec_type or (asked.strike and contract.strike != asked.strike):
            return False
        wire = wire_contract(contract, 0)
        wanted = (
            (asked.symbol, wire.symbol),
            (asked.right[:1] if asked.right != "?" else "", wire.right),
            (asked.multiplier, wire.multiplier),
            (asked.currency, wire.currency),
            (asked.local_symbol, wire.local_symbol),
            (asked.trading_class, wire.trading_class),
            (asked.primary_exchange, wire.primary_exchange),
        )
        return (
            all(text in ("", own) for text, own in wanted)
            and wire.last_trade.startswith(asked.last_trade)
            and (not asked.exchange or asked.exchange in valid_exchanges(contract))
        )

    def _work_out_classes(self, under: Contract, now_utc: datetime) -> Iterator[OptionClass]:
        dates: dict[str, list[str]] = {}
        strikes: dict[str, set[Decimal]] = {}
        multipliers: dict[str, str] = {}
        for expiry in self.market.expiries(under.underlying, now_utc):
            chain = self.market.chain(expiry)
            if not chain:
                continue
            first = wire_contract(chain[0], 0)
            dates.setdefault(expiry.root, []).append(first.last_trade)
            multipliers[expiry.root] = first.multiplier
            strikes.setdefault(expiry.root, set()).update(one.strike for one in chain if one.strike is not None)
        for root, days in dates.items():
            yield OptionClass(root, multipliers[root], tuple(sorted(days)), tuple(sorted(strikes[root])))
