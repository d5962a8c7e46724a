"""The synthetic market: SPX, XSP, SPY, QQQ, four stocks and /ES, seeded, around the clock unless told otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from execution.brokers.paper.listings import expiry_plans, listed_strikes, strike_bands
from execution.brokers.paper.paths import PathEngine, PathSpec, new_york_date
from execution.brokers.paper.pricing import Asset
from execution.brokers.paper.simulated import Print, SimulatedMarket
from execution.brokers.paper.surface import CarriedSmile, ParametricSmile
from execution.brokers.port import ChainExpiry
from execution.storage import SessionCalendar
from models.business_days import business_day_on_or_before, month_end, monthly_expiration
from models.clock import epoch_s
from models.contract import Contract, future_option_contract, option_contract, underlying_contract
from models.enums import Right, Settlement
from models.errors import InvalidInput
from models.expiry import settlement_instant_utc
from models.ids import ContractKey
from models.occ import parse_occ
from models.product import option_product

RATE: Final = 0.0375
_TRACKS_SPX: Final = {"SPY": (0.1, 0.011), "XSP": (0.1, 0.0125)}
_SPX_YIELD: Final = 0.0125
_FUTURE_MONTHS: Final = {3: "H", 6: "M", 9: "U", 12: "Z"}
_MONTH_CODES: Final = "FGHJKMNQUVXZ"
_FUTURE_YEARS: Final = 4
_FUTURES_LISTED: Final = 2
_FUTURE_OPTION_DAYS: Final = 60
#: New strikes are listed when a price has left the last reference by this much.
_RELIST: Final = 0.04
_LEVELS: Final = frozenset({"VIX", "VIX3M"})


@dataclass(frozen=True, slots=True)
class SyntheticStock:
    """One path with its surface: price, annual vols (short and long term), SSVI tilt, beta to SPX, yield."""

    symbol: str
    price: float
    short_vol: float
    long_vol: float
    rho: float
    eta: float
    beta: float
    dividend_yield: float


#: Levels and vols plausible for the end of 2026; SPX first, it is the market factor.
STOCKS: Final = (
    SyntheticStock("SPX", 7450.0, 0.135, 0.185, -0.64, 1.0, 1.0, _SPX_YIELD),
    SyntheticStock("QQQ", 690.0, 0.18, 0.225, -0.58, 0.95, 1.2, 0.006),
    SyntheticStock("AAPL", 285.0, 0.24, 0.28, -0.36, 0.8, 1.1, 0.004),
    SyntheticStock("MSFT", 430.0, 0.23, 0.27, -0.38, 0.8, 1.0, 0.008),
    SyntheticStock("NVDA", 195.0, 0.38, 0.44, -0.30, 0.75, 1.7, 0.0005),
    SyntheticStock("TSLA", 400.0, 0.48, 0.54, -0.12, 0.7, 1.8, 0.0),
)
#: Realised vol as a share of implied: the premium that sellers of options are paid.
_REALISED_SHARE: Final = 0.88
_KAPPA: Final = 4.0


class SyntheticMarket(SimulatedMarket):
    """A seeded market. `sessions` given = it trades in exchange hours only; otherwise around the clock."""

    def __init__(self, *, seed: int, start_utc: datetime, sessions: SessionCalendar | None = None) -> None:
        last_close = _last_close(start_utc)
        specs = [
            PathSpec(one.symbol, one.price, one.short_vol * _REALISED_SHARE, one.beta, RATE - one.dividend_yield)
            for one in STOCKS
        ]
        paths = PathEngine(specs, seed=seed, start_utc=last_close - timedelta(seconds=1), sessions=sessions)
        assets = _assets(new_york_date(start_utc))
        super().__init__(
            label=f"synthetic market, seed {seed}",
            environment=f"synthetic-{seed}",
            starts_at_utc=None,
            paths=paths,
            assets=assets,
            listings=SyntheticListings(
                {symbol: asset.price_at(paths.frame) for symbol, asset in assets.items()}, new_york_date(last_close)
            ),
            rate=RATE,
            sessions=sessions,
        )
        self.advance(start_utc)


def _last_close(start_utc: datetime) -> datetime:
    """The close before `start_utc`, from which the day's changes count."""
    day = business_day_on_or_before(new_york_date(start_utc) - timedelta(days=1))
    return settlement_instant_utc(day, Settlement.PM)


def _assets(today: date) -> dict[str, Asset]:
    assets = {}
    for number, one in enumerate(STOCKS):
        smile = ParametricSmile(
            short_vol=one.short_vol,
            long_vol=one.long_vol,
            kappa=_KAPPA,
            rho=one.rho,
            eta=one.eta,
            rate=RATE,
            dividend_yield=one.dividend_yield,
        )
        assets[one.symbol] = Asset(one.symbol, number, smile, smile)
    spx = assets["SPX"].smile
    for symbol, (ratio, dividend_yield) in _TRACKS_SPX.items():
        smile_of_fund = CarriedSmile(spx, net_carry=RATE - dividend_yield)
        assets[symbol] = Asset(symbol, 0, smile_of_fund, smile_of_fund, ratio=ratio)
    without_carry = CarriedSmile(spx, net_carry=0.0)
    for symbol, expiry in future_series(today, _FUTURE_YEARS * len(_FUTURE_MONTHS)):
        delivery_s = epoch_s(settlement_instant_utc(expiry, Settlement.PM))
        assets[symbol] = Asset(symbol, 0, spx, without_carry, delivery_s=delivery_s)
    return assets


def future_series(today: date, count: int) -> Iterator[tuple[str, date]]:
    """Yields the next quarterly /ES symbols with their expiries, the front one first."""
    year, month = today.year, today.month
    while count > 0:
        code = _FUTURE_MONTHS.get(month)
        if code is not None and monthly_expiration(year, month) >= today:
            count -= 1
            yield f"/ES{code}{year % 10}", monthly_expiration(year, month)
        year, month = year + month // 12, month % 12 + 1


class SyntheticListings:
    """What the synthetic market lists; strikes stay once listed and new ones follow the price."""

    def __init__(self, prices: dict[str, float], today: date) -> None:
        self._references = {symbol: [price] for symbol, price in prices.items()}
        self._chains: dict[ChainExpiry, tuple[Contract, ...]] = {}
        self._contracts: dict[ContractKey, Contract] = {}
        self._expiries: dict[tuple[str, date], tuple[ChainExpiry, ...]] = {}
        self._today = today

    def underlyings(self) -> tuple[str, ...]:
        """As the protocol says, with the front future of the day."""
        front = [symbol for symbol, _ in future_series(self._today, 1)]
        return ("SPX", "SPY", "QQQ", "NVDA", "TSLA", "AAPL", "MSFT", *front, "XSP")

    def expiries(self, underlying: str, today: date) -> tuple[ChainExpiry, ...]:
        """As the protocol says."""
        if underlying not in self._references:
            return ()
        found = self._expiries.get((underlying, today))
        if found is None:
            make = self._future_expiries if underlying.startswith("/") else self._stock_expiries
            found = self._expiries[underlying, today] = tuple(make(underlying, today))
        return found

    def _stock_expiries(self, underlying: str, today: date) -> list[ChainExpiry]:
        listed = []
        for plan in expiry_plans(underlying):
            settlement = option_product(plan.root).settlement
            listed += [ChainExpiry(underlying, plan.root, day, settlement) for day in plan.expiries(today)]
        return sorted(listed, key=lambda one: (one.expiry, one.settlement.value, one.root))

    def _future_expiries(self, underlying: str, today: date) -> list[ChainExpiry]:
        series = list(future_series(today, _FUTURES_LISTED))
        number = next((at for at, (symbol, _) in enumerate(series) if symbol == underlying), None)
        if number is None:
            return []
        after = series[number - 1][1] if number else today - timedelta(days=1)
        found: dict[date, str] = {}
        for ahead in range(_FUTURE_OPTION_DAYS + 1):
            day = today + timedelta(days=ahead)
            if day.weekday() == 4:
                found[business_day_on_or_before(day)] = f"EW{(day.day - 1) // 7 + 1}"
        for ahead in range(_FUTURE_OPTION_DAYS // 30 + 1):
            month = today.month - 1 + ahead
            found[month_end(today.year + month // 12, month % 12 + 1)] = "EW"
        wanted = sorted((day, root) for day, root in found.items() if max(after, today - timedelta(days=1)) < day)
        return [ChainExpiry(underlying, root, day, Settlement.PM) for day, root in wanted if day <= series[number][1]]

    def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        """As the protocol says."""
        found = self._chains.get(expiry)
        if found is None:
            levels = self._references.get(expiry.underlying, ())
            days = (expiry.expiry - self._today).days
            strikes = listed_strikes(levels, strike_bands(expiry.underlying, days))
            found = tuple(_contract(expiry, right, strike) for strike in strikes for right in (Right.CALL, Right.PUT))
            self._chains[expiry] = found
            self._contracts.update((contract.key, contract) for contract in found)
        return found

    def resolve(self, key: ContractKey) -> Contract | None:
        """As the protocol says: a contract of a listed expiration, an underlying, a future or an index level."""
        known = self._contracts.get(key)
        if known is not None:
            return known
        if key in self._references or key in _LEVELS:
            return self._underlying(key)
        for expiry in self._expiries_of(key):
            self.chain(expiry)
            if key in self._contracts:
                return self._contracts[key]
        return None

    def _underlying(self, key: ContractKey) -> Contract:
        if not key.startswith("/"):
            return underlying_contract(key)
        listed = future_series(self._today, _FUTURE_YEARS * len(_FUTURE_MONTHS))
        expiry = next((day for symbol, day in listed if symbol == key), None)
        return underlying_contract(key, expiry=expiry)

    def _expiries_of(self, key: ContractKey) -> Sequence[ChainExpiry]:
        """The listed expirations to which an option key can belong."""
        if key.startswith("./"):
            future = key[1:].split(" ", 1)[0]
            return self.expiries(future, self._today) if future in self._references else ()
        try:
            occ = parse_occ(key)
        except InvalidInput:
            return ()
        product = option_product(occ.root)
        wanted = ChainExpiry(product.underlying, occ.root, occ.expiry, product.settlement)
        return (wanted,) if wanted in self.expiries(product.underlying, self._today) else ()

    def print_of(self, key: ContractKey, today: date) -> Print | None:  # noqa: ARG002 - nothing was recorded
        """As the protocol says: nothing was recorded."""
        return None

    def watch(self, prices: dict[str, float], today: date) -> None:
        """As the protocol says: lists new strikes once a price has moved by four percent, and with each new day."""
        if today != self._today:
            self._today = today
            self._chains.clear()
            self._expiries.clear()
        for symbol, price in prices.items():
            levels = self._references[symbol]
            if all(abs(price / level - 1.0) > _RELIST for level in levels):
                levels.append(price)
                for expiry in [one for one in self._chains if one.underlying == symbol]:
                    del self._chains[expiry]

    def state(self) -> dict[str, Any]:
        """As the protocol says."""
        return {"references": {symbol: list(levels) for symbol, levels in self._references.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """As the protocol says."""
        saved = state["references"]
        self._references = {symbol: list(saved.get(symbol, levels)) for symbol, levels in self._references.items()}
        self._chains.clear()


def _contract(expiry: ChainExpiry, right: Right, strike: Decimal) -> Contract:
    if not expiry.underlying.startswith("/"):
        return option_contract(expiry.root, expiry.expiry, right, strike)
    day = expiry.expiry
    code = f"{expiry.root}{_MONTH_CODES[day.month - 1]}{day.year % 10}"
    return future_option_contract(
        f".{expiry.underlying} {code} {day:%y%m%d}{right.value}{strike}",
        future=expiry.underlying,
        root=expiry.root,
        expiry=day,
        right=right,
        strike=strike,
        settlement=expiry.settlement,
    )
