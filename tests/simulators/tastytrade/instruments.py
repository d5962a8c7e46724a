"""Instruments and option chains, nested and flat, as the market lists them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zlib import crc32

from execution.brokers.port import ChainExpiry
from models.contract import Contract, plain
from models.enums import ExerciseStyle, InstrumentKind, Right, Settlement
from models.expiry import days_to_expiry, settlement_instant_utc
from models.ids import ContractKey
from models.product import FUTURE_OPTION_TICK, FUTURES, option_product
from tests.simulators.tastytrade.coins import coin_streamer
from tests.simulators.tastytrade.listing import contract_code, streamer_symbol, symbol_of, ticks
from tests.simulators.tastytrade.replies import JsonObject, iso, not_found, number
from tests.simulators.tastytrade.state import TastyState

_FRIDAY: Final = 4
_MONTHS: Final = ["H", "M", "U", "Z"]
_SHARES: Final = frozenset({InstrumentKind.STOCK, InstrumentKind.ETF, InstrumentKind.INDEX})


@dataclass(slots=True)
class InstrumentDesk:
    """Answers what can be traded."""

    tasty: TastyState

    # --- chains on equities and indices ---

    def nested(self, symbol: str) -> list[JsonObject]:
        """Returns the chain of an underlying, or of a root, one item per root; raises Refusal for an unknown one."""
        found = self._expiries(symbol)
        roots = dict.fromkeys(one.root for one in found)
        return [self._root(root, [one for one in found if one.root == root]) for root in roots]

    def _expiries(self, symbol: str) -> list[ChainExpiry]:
        market, now_utc = self.tasty.core.market, self.tasty.now()
        found = list(market.expiries(symbol, now_utc))
        if not found:
            underlying = option_product(symbol).underlying
            found = [one for one in market.expiries(underlying, now_utc) if one.root == symbol]
        if not found or symbol.startswith("/"):
            raise not_found(f"option chain {symbol}")
        return found

    def _root(self, root: str, expiries: list[ChainExpiry]) -> JsonObject:
        product = option_product(root)
        return {
            "underlying-symbol": product.underlying,
            "root-symbol": root,
            "option-chain-type": "Standard",
            "shares-per-contract": int(product.multiplier),
            "tick-sizes": ticks(product.tick),
            "deliverables": [],
            "expirations": [self._expiration(one) for one in expiries],
        }

    def _expiration(self, expiry: ChainExpiry) -> JsonObject:
        return {
            "expiration-type": _kind(expiry),
            "expiration-date": expiry.expiry.isoformat(),
            "days-to-expiration": days_to_expiry(expiry.expiry, self.tasty.now()),
            "settlement-type": expiry.settlement.value,
            "strikes": self._strikes(expiry),
        }

    def _strikes(self, expiry: ChainExpiry) -> list[JsonObject]:
        rows: dict[Decimal, JsonObject] = {}
        for contract in self.tasty.core.market.chain(expiry):
            strike = contract.strike or Decimal(0)
            row = rows.setdefault(strike, {"strike-price": number(strike)})
            side = "call" if contract.right is Right.CALL else "put"
            row[side] = symbol_of(contract)
            if self.tasty.habits.streamer_symbols:
                row[f"{side}-streamer-symbol"] = streamer_symbol(contract)
        return list(rows.values())

    def flat(self, symbol: str) -> list[JsonObject]:
        """Returns every option of an underlying; AM and PM of one date stand side by side."""
        market = self.tasty.core.market
        return [self.option(contract) for expiry in self._expiries(symbol) for contract in market.chain(expiry)]

    def option(self, contract: Contract) -> JsonObject:
        """Returns an option on an equity or index."""
        day, ends = _dates(contract)
        is_cash = contract.delivery is not None and contract.delivery.value == "CASH"
        facts: JsonObject = {
            "symbol": symbol_of(contract),
            "instrument-type": "Equity Option",
            "active": True,
            "strike-price": number(contract.strike or Decimal(0)),
            "root-symbol": contract.root,
            "underlying-symbol": contract.underlying,
            "expiration-date": day.isoformat(),
            "exercise-style": "European" if contract.style is ExerciseStyle.EUROPEAN else "American",
            "shares-per-contract": int(contract.multiplier),
            "option-type": "" if contract.right is None else contract.right.value,
            "option-chain-type": "Standard",
            "expiration-type": "Weekly" if day.weekday() != _FRIDAY else "Regular",
            "settlement-type": "PM" if contract.settlement is None else contract.settlement.value,
            "stops-trading-at": iso(ends),
            "market-time-instrument-collection": "Cash Settled Equity Option" if is_cash else "Equity Option",
            "days-to-expiration": days_to_expiry(day, self.tasty.now()),
            "expires-at": iso(ends),
            "is-closing-only": False,
        }
        if self.tasty.habits.streamer_symbols:
            facts["streamer-symbol"] = streamer_symbol(contract)
        return facts

    # --- one instrument ---

    def find(self, symbol: str, kind: InstrumentKind | None = None) -> Contract:
        """Returns a listed contract; raises Refusal for an unknown one, or one of another kind."""
        contract = self.tasty.listing.find(symbol)
        if contract is None or (kind is not None and contract.kind is not kind):
            raise not_found(f"instrument {symbol}")
        return contract

    def equity(self, symbol: str) -> JsonObject:
        """Returns a share, fund or index."""
        contract = self.find(symbol)
        if contract.kind not in _SHARES:
            raise not_found(f"equity {symbol}")
        is_index = contract.kind is InstrumentKind.INDEX
        return {
            "id": crc32(symbol.encode()),
            "symbol": symbol,
            "instrument-type": "Equity",
            "cusip": f"{crc32(symbol.encode()) % 1_000_000_000:09d}",
            "short-description": symbol,
            "is-index": is_index,
            "listed-market": "OTC" if is_index else "XNAS",
            "description": symbol,
            "lendability": "Easy To Borrow",
            "market-time-instrument-collection": "Cash Settled Equity Option" if is_index else "Equity",
            "is-closing-only": False,
            "is-options-closing-only": False,
            "active": True,
            "is-fractional-quantity-eligible": not is_index,
            "is-illiquid": False,
            "is-etf": contract.kind is InstrumentKind.ETF,
            "streamer-symbol": streamer_symbol(contract),
            "tick-sizes": ticks(contract.tick),
            "option-tick-sizes": ticks(option_product(symbol).tick),
        }

    def equities(self, symbols: Iterable[str]) -> list[JsonObject]:
        """Returns those of several shares that are known."""
        known = [symbol for symbol in symbols if self.tasty.core.market.resolve(ContractKey(symbol)) is not None]
        return [self.equity(symbol) for symbol in known]

    def cryptocurrency(self, symbol: str) -> JsonObject:
        """Returns a coin."""
        coins = self.tasty.habits.crypto
        if coins is None or coins.symbol != symbol:
            raise not_found(f"cryptocurrency {symbol}")
        return {
            "id": 1,
            "symbol": symbol,
            "instrument-type": "Cryptocurrency",
            "short-description": symbol.split("/", maxsplit=1)[0],
            "description": f"{symbol.split('/', maxsplit=1)[0]} to USD",
            "is-closing-only": True,
            "active": True,
            "tick-size": "0.01",
            "streamer-symbol": coin_streamer(symbol),
            "destination-venue-symbols": [],
        }

    # --- futures ---

    def futures(self, products: Iterable[str] = (), symbols: Iterable[str] = ()) -> list[JsonObject]:
        """Returns the futures listed, of some products or symbols if any are named."""
        wanted, named = set(products), {one.lstrip("/") for one in symbols}
        found = [one for one in self.tasty.listing.futures() if not wanted or one.root.lstrip("/") in wanted]
        return [self.future(one) for one in found if not named or one.key.lstrip("/") in named]

    def future(self, contract: Contract) -> JsonObject:
        """Returns a future."""
        day, ends = _dates(contract)
        product, tick = FUTURES[contract.root], contract.tick
        is_front = [one.key for one in self.tasty.listing.futures()][:1] == [contract.key]
        return {
            "symbol": contract.key,
            "product-code": contract.root.lstrip("/"),
            "contract-size": number(product.multiplier),
            "tick-size": plain(tick.above),
            "notional-multiplier": number(product.multiplier),
            "main-fraction": "0.0",
            "sub-fraction": "0.0",
            "display-factor": "0.01",
            "last-trade-date": day.isoformat(),
            "expiration-date": day.isoformat(),
            "closing-only-date": day.isoformat(),
            "active": True,
            "active-month": is_front,
            "next-active-month": not is_front,
            "is-closing-only": False,
            "is-tradeable": True,
            "stops-trading-at": iso(ends),
            "expires-at": iso(ends),
            "product-group": "CME_ES",
            "exchange": "CME",
            "streamer-exchange-code": streamer_symbol(contract).split(":")[1],
            "streamer-symbol": streamer_symbol(contract),
            "back-month-first-calendar-symbol": True,
            "instrument-type": "Future",
            "future-product": self._product(contract),
            "tick-sizes": ticks(tick),
            "option-tick-sizes": ticks(FUTURE_OPTION_TICK),
            "spread-tick-sizes": [{"value": "0.05", "symbol": contract.key}],
        }

    @staticmethod
    def _product(contract: Contract) -> JsonObject:
        code = contract.root.lstrip("/")
        return {
            "root-symbol": contract.root,
            "code": code,
            "description": f"{code} future",
            "clearing-code": code,
            "clearing-exchange-code": "16",
            "exchange": "CME",
            "product-type": "Financial",
            "listed-months": _MONTHS,
            "active-months": _MONTHS,
            "notional-multiplier": number(contract.multiplier),
            "tick-size": plain(contract.tick.above),
            "display-factor": "0.01",
            "streamer-exchange-code": streamer_symbol(contract).split(":")[1],
            "small-notional": False,
            "back-month-first-calendar-symbol": True,
            "first-notice": False,
            "cash-settled": True,
            "security-group": "ES",
            "market-sector": "Index",
            "roll": {
                "name": "equity_index",
                "active-count": 3,
                "cash-settled": True,
                "business-days-offset": 4,
                "first-notice": False,
            },
        }

    def futures_nested(self, product: str) -> JsonObject:
        """Returns the futures of a product and the options on them."""
        code = product.lstrip("/")
        futures = [one for one in self.tasty.listing.futures() if one.root == f"/{code}"]
        if not futures:
            raise not_found(f"futures option chain {product}")
        expiries = [
            one for one in self.tasty.listing.future_expiries(self.tasty.now()) if one.underlying[1:].startswith(code)
        ]
        chain = {
            "underlying-symbol": f"/{code}",
            "root-symbol": f"/{code}",
            "exercise-style": "American",
            "expirations": [self._future_expiration(one, f"/{code}") for one in expiries],
        }
        return {"futures": [self._nested_future(one) for one in futures], "option-chains": [chain]}

    def _nested_future(self, contract: Contract) -> JsonObject:
        facts, day = self.future(contract), _dates(contract)[0]
        names = ("symbol", "expiration-date", "active-month", "next-active-month", "stops-trading-at", "expires-at")
        more = {"root-symbol": contract.root, "days-to-expiration": days_to_expiry(day, self.tasty.now())}
        return {name: facts[name] for name in names} | more

    def _future_expiration(self, expiry: ChainExpiry, product: str) -> JsonObject:
        chain = self.tasty.core.market.chain(expiry)
        ends = iso(settlement_instant_utc(expiry.expiry, expiry.settlement))
        multiplier = FUTURES[product].multiplier
        return {
            "underlying-symbol": expiry.underlying,
            "root-symbol": product,
            "option-root-symbol": expiry.root,
            "option-contract-symbol": contract_code(chain[0]),
            "asset": expiry.root,
            "expiration-date": expiry.expiry.isoformat(),
            "days-to-expiration": days_to_expiry(expiry.expiry, self.tasty.now()),
            "expiration-type": "Weekly",
            "settlement-type": expiry.settlement.value,
            "notional-value": plain(multiplier / 100),
            "display-factor": "0.01",
            "strike-factor": "1.0",
            "stops-trading-at": ends,
            "expires-at": ends,
            "tick-sizes": ticks(FUTURE_OPTION_TICK),
            "strikes": self._strikes(expiry),
        }

    def futures_flat(self, product: str) -> list[JsonObject]:
        """Returns every option on the futures of a product."""
        self.futures_nested(product)
        market, code = self.tasty.core.market, product.lstrip("/")
        expiries = self.tasty.listing.future_expiries(self.tasty.now())
        mine = [one for one in expiries if one.underlying[1:].startswith(code)]
        return [self.future_option(contract) for expiry in mine for contract in market.chain(expiry)]

    def future_option(self, contract: Contract) -> JsonObject:
        """Returns an option on a future."""
        day, ends = _dates(contract)
        product = FUTURES[next(root for root in FUTURES if contract.underlying.startswith(root))]
        code, right = contract_code(contract), "" if contract.right is None else contract.right.value
        return {
            "symbol": symbol_of(contract),
            "underlying-symbol": contract.underlying,
            "product-code": product.root.lstrip("/"),
            "expiration-date": day.isoformat(),
            "root-symbol": product.root,
            "option-root-symbol": contract.root,
            "strike-price": number(contract.strike or Decimal(0)),
            "exchange": "CME",
            "exchange-symbol": f"{code} {right}{plain(contract.strike or Decimal(0))}",
            "streamer-symbol": streamer_symbol(contract),
            "option-type": right,
            "exercise-style": "European" if contract.style is ExerciseStyle.EUROPEAN else "American",
            "is-vanilla": True,
            "is-primary-deliverable": True,
            "future-price-ratio": "1.0",
            "multiplier": "1.0",
            "underlying-count": "1.0",
            "is-confirmed": True,
            "notional-value": plain(product.multiplier / 100),
            "display-factor": "0.01",
            "security-exchange": "2",
            "sx-id": "0",
            "settlement-type": "Future",
            "strike-factor": "1.0",
            "maturity-date": day.isoformat(),
            "is-exercisable-weekly": False,
            "last-trade-time": "0",
            "days-to-expiration": days_to_expiry(day, self.tasty.now()),
            "is-closing-only": False,
            "active": True,
            "stops-trading-at": iso(ends),
            "expires-at": iso(ends),
            "instrument-type": "Future Option",
        }


def _dates(contract: Contract) -> tuple[date, datetime]:
    day, ends = contract.expiry, contract.expires_at_utc
    if day is None or ends is None:
        raise not_found(f"expiration of {contract.key}")
    return day, ends


def _kind(expiry: ChainExpiry) -> str:
    """Third Fridays are Regular, and so is everything that settles in the morning."""
    if expiry.settlement is Settlement.AM:
        return "Regular"
    day = expiry.expiry
    third_friday = day.weekday() == _FRIDAY and 15 <= day.day <= 21
    return "Regular" if third_friday and expiry.root != "SPXW" else "Weekly"
