"""Option chains on screen: listings from the broker, and the numbers of the visible strikes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import numpy as np

from analytics.book import SECONDS_PER_YEAR
from analytics.probability import expected_move_iv
from execution.brokers.port import Broker, ChainExpiry
from execution.chain_views import ChainNumbers, ChainSide, ChainStatic
from execution.market.carry import CarryBook
from execution.market.chain_values import ParityYield, SideMarket, SideQuotes, SideValuer
from execution.market.data import MarketData
from execution.market.model_greeks import BrokerColumns, ModelColumns
from execution.views import FloatArray
from models.clock import Clock, epoch_s
from models.contract import Contract
from models.enums import ExerciseStyle, MarketDataKind, Right
from models.errors import InvalidInput
from models.expiry import days_to_expiry, settlement_instant_utc
from models.ids import ContractKey
from models.quote import Quote

#: Strikes quoted on each side of the money when the window has not said which it shows.
_STRIKES_AROUND = 25
#: More strikes than a window shows at once.
_SCREEN_ROWS = 100
_KINDS = tuple(MarketDataKind)
_DELAYED = _KINDS.index(MarketDataKind.DELAYED)


class ChainService:
    """One chain at a time is watched; its listings are kept once asked for. Engine thread only."""

    def __init__(self, *, broker: Broker, market: MarketData, carry: CarryBook, clock: Clock) -> None:
        self._broker = broker
        self._market = market
        self._carry = carry
        self._clock = clock
        self._expiries: dict[str, tuple[ChainExpiry, ...]] = {}
        self._contracts: dict[ChainExpiry, tuple[Contract, ...]] = {}
        self._version = 0
        self.watched: ChainStatic | None = None
        self._valuers: _Valuers | None = None
        self.carry_moved = False

    async def expiries(self, underlying: str) -> tuple[ChainExpiry, ...]:
        """Returns the expirations still to come; raises InvalidInput for a symbol without options."""
        symbol = underlying.strip().upper()
        if not symbol:
            raise InvalidInput("underlying", "No symbol given.", cure="Type an underlying such as SPX.")
        if symbol not in self._expiries:
            self._expiries[symbol] = await self._broker.expiries(symbol)
        now_utc = self._clock.now_utc()
        return tuple(
            one for one in self._expiries[symbol] if settlement_instant_utc(one.expiry, one.settlement) > now_utc
        )

    def forget(self) -> None:
        """Drops the listings, at a new day or a new connection."""
        self._expiries.clear()
        self._contracts.clear()

    async def contracts(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        """Returns the listed contracts of an expiration."""
        if expiry not in self._contracts:
            self._contracts[expiry] = await self._broker.chain(expiry)
        return self._contracts[expiry]

    async def watch(self, expiry: ChainExpiry | None) -> ChainStatic | None:
        """Makes `expiry` the watched chain; the same one keeps its version."""
        if expiry is None:
            self.watched = self._valuers = None
            return None
        if self.watched is not None and self.watched.expiry == expiry:
            return self.watched
        contracts = await self.contracts(expiry)
        if not contracts:
            raise InvalidInput("expiry", f"{expiry.root} {expiry.expiry:%d %b %Y} has no listed contracts.")
        self._version += 1
        self.watched = _static(expiry, contracts, self._version, self._clock.now_utc())
        self._valuers = _Valuers(self.watched, is_american=contracts[0].style is ExerciseStyle.AMERICAN)
        return self.watched

    def wanted(self, low: Decimal | None, high: Decimal | None) -> tuple[Contract, ...]:
        """Returns the contracts to quote: those between the bounds, or those around the money.

        More than a screen of them come in an order of which every beginning covers the range evenly, out-of-the-money
        sides first: a broker with few market-data lines then quotes a grid, not the cheapest strikes alone.
        """
        static = self.watched
        if static is None:
            return ()
        if low is None or high is None:
            low, high = self._around_the_money(static)
        rows = [row for row, strike in enumerate(static.strikes) if low <= strike <= high]
        if len(rows) <= _SCREEN_ROWS:
            pairs = [(static.calls[row], static.puts[row]) for row in rows]
            return tuple(contract for pair in pairs for contract in pair if contract is not None)
        money = self._money_row(static)
        coarse = [rows[at] for at in _coarse_first(len(rows), money - rows[0])]
        outer = [static.puts[row] if row < money else static.calls[row] for row in coarse]
        inner = [static.calls[row] if row < money else static.puts[row] for row in coarse]
        return tuple(contract for contract in (*outer, *inner) if contract is not None)

    def numbers(self, held: Mapping[ContractKey, Decimal]) -> ChainNumbers | None:
        """Returns the watched chain's live figures: vols and Greeks solved for all quoted strikes at once."""
        static, valuers = self.watched, self._valuers
        if static is None or valuers is None:
            return None
        now_utc = self._clock.now_utc()
        spot = self._market.price(static.expiry.underlying)
        years = max(epoch_s(static.expires_at_utc) - epoch_s(now_utc), 0.0) / SECONDS_PER_YEAR
        call_quotes = np.array([self._quote_columns(contract) for contract in static.calls])
        put_quotes = np.array([self._quote_columns(contract) for contract in static.puts])
        self._take_parity(static, valuers, call_quotes, put_quotes, self._side_market(static, spot, years, now_utc))
        market = self._side_market(static, spot, years, now_utc)
        call_model = self._broker_columns(static.calls, now_utc)
        put_model = self._broker_columns(static.puts, now_utc)
        call_side = _side(static.calls, call_quotes, valuers.calls, market, held, call_model)
        put_side = _side(static.puts, put_quotes, valuers.puts, market, held, put_model)
        strikes = valuers.strikes
        atm = _atm_vol(strikes, call_side.iv, put_side.iv, spot)
        move = None if atm is None else float(expected_move_iv(spot=spot, vol=atm, days=years * 365.0))
        return ChainNumbers(
            version=static.version,
            at_utc=now_utc,
            spot=None if math.isnan(spot) else spot,
            expected_move=move,
            atm_iv=atm,
            calls=call_side,
            puts=put_side,
            kinds=_kinds(self._market.quote(ContractKey(static.expiry.underlying)), call_quotes, put_quotes),
        )

    def _around_the_money(self, static: ChainStatic) -> tuple[Decimal, Decimal]:
        strikes, middle = static.strikes, self._money_row(static)
        low = strikes[max(middle - _STRIKES_AROUND, 0)]
        return low, strikes[min(middle + _STRIKES_AROUND, len(strikes) - 1)]

    def _money_row(self, static: ChainStatic) -> int:
        """Returns the first row at or above the spot; the middle one while the spot is unknown."""
        spot = self._market.price(static.expiry.underlying)
        if math.isnan(spot):
            return len(static.strikes) // 2
        return int(np.searchsorted(np.array([float(strike) for strike in static.strikes]), spot))

    def _quote_columns(self, contract: Contract | None) -> tuple[float, float, float, float, float]:
        """Bid, ask, last, age and kind (its place in the enum) of a listed contract, NaN where unknown."""
        quote = None if contract is None else self._market.quote(contract.key)
        if contract is None or quote is None:
            return math.nan, math.nan, math.nan, math.nan, math.nan
        age = self._market.age_s(contract.key)
        return (
            math.nan if quote.bid is None else float(quote.bid),
            math.nan if quote.ask is None else float(quote.ask),
            math.nan if quote.last is None else float(quote.last),
            math.nan if age is None else age,
            _KINDS.index(quote.kind),
        )

    def _broker_columns(self, contracts: Sequence[Contract | None], now_utc: datetime) -> BrokerColumns:
        """The broker's own vol and delta of every strike, NaN where it gives none."""
        told = [None if one is None else self._market.model_greeks(one.key) for one in contracts]
        columns = ModelColumns(len(contracts))
        columns.put([row for row, one in enumerate(told) if one is not None], (one for one in told if one is not None))
        return columns.at(epoch_s(now_utc))

    def _side_market(self, static: ChainStatic, spot: float, years: float, now_utc: datetime) -> SideMarket:
        carry = self._carry.carry(static.expiry.underlying, static.expiry.expiry)
        return SideMarket(spot, years, carry.rate, carry.dividend_yield, epoch_s(now_utc))

    def _take_parity(
        self, static: ChainStatic, valuers: _Valuers, calls: FloatArray, puts: FloatArray, market: SideMarket
    ) -> None:
        """Learns the expiry's dividend yield from put-call parity of the quotes at hand."""
        if static.expiry.underlying.startswith("/"):
            return
        implied = valuers.parity.read(valuers.strikes, _mids(calls), _mids(puts), market)
        if implied is not None and self._carry.set_implied_yield(
            static.expiry.underlying, static.expiry.expiry, implied
        ):
            self.carry_moved = True


class _Valuers:
    """What values a watched chain, kept as long as it is watched."""

    def __init__(self, static: ChainStatic, *, is_american: bool) -> None:
        self.strikes = np.array([float(strike) for strike in static.strikes])
        self.calls = SideValuer(self.strikes, is_call=True, is_american=is_american)
        self.puts = SideValuer(self.strikes, is_call=False, is_american=is_american)
        self.parity = ParityYield(is_american=is_american)


def _side(
    contracts: Sequence[Contract | None],
    quotes: FloatArray,
    valuer: SideValuer,
    market: SideMarket,
    held: Mapping[ContractKey, Decimal],
    broker: BrokerColumns,
) -> ChainSide:
    vol, greeks = valuer.value(SideQuotes(quotes[:, 0], quotes[:, 1], _mids(quotes)), market)
    positions = [0.0 if one is None else float(held.get(one.key, 0)) for one in contracts]
    return ChainSide(
        bid=quotes[:, 0],
        ask=quotes[:, 1],
        last=quotes[:, 2],
        iv=vol,
        delta=greeks.delta,
        gamma=greeks.gamma,
        theta_per_day=greeks.theta_per_day,
        vega_per_point=greeks.vega_per_point,
        held=np.array(positions),
        age_s=quotes[:, 3],
        broker_iv=broker.iv,
        broker_delta=broker.delta,
        broker_age_s=broker.age_s,
        is_delayed=quotes[:, 4] == _DELAYED,
    )


def _kinds(underlying: Quote | None, *sides: FloatArray) -> frozenset[MarketDataKind]:
    codes = np.unique(np.concatenate([side[:, 4] for side in sides]))
    options = {_KINDS[int(code)] for code in codes[~np.isnan(codes)]}
    return frozenset(options if underlying is None else {*options, underlying.kind})


def _static(expiry: ChainExpiry, contracts: Sequence[Contract], version: int, now_utc: datetime) -> ChainStatic:
    by_strike: dict[Decimal, dict[Right, Contract]] = {}
    for contract in contracts:
        if contract.strike is not None and contract.right is not None:
            by_strike.setdefault(contract.strike, {})[contract.right] = contract
    strikes = tuple(sorted(by_strike))
    return ChainStatic(
        expiry=expiry,
        version=version,
        strikes=strikes,
        calls=tuple(by_strike[strike].get(Right.CALL) for strike in strikes),
        puts=tuple(by_strike[strike].get(Right.PUT) for strike in strikes),
        days_to_expiry=days_to_expiry(expiry.expiry, now_utc),
        expires_at_utc=settlement_instant_utc(expiry.expiry, expiry.settlement),
    )


def _coarse_first(count: int, middle: int) -> list[int]:
    """Returns 0 ... count - 1 so that gaps halve again and again; within a round what is near `middle` comes first."""

    def rank(at: int) -> tuple[int, int]:
        return (-(at & -at) if at else -count, abs(at - middle))

    return sorted(range(count), key=rank)


def _mids(quotes: FloatArray) -> FloatArray:
    """Midpoints of sound two-sided quotes, NaN otherwise."""
    bid, ask = quotes[:, 0], quotes[:, 1]
    sound = (bid >= 0) & (ask > 0) & (bid <= ask)
    return np.where(sound, 0.5 * (np.where(sound, bid, 0.0) + np.where(sound, ask, 0.0)), np.nan)


def _atm_vol(strikes: FloatArray, call_iv: FloatArray, put_iv: FloatArray, spot: float) -> float | None:
    """Vol at the strike nearest the spot, out-of-the-money side, None when unknown."""
    if math.isnan(spot):
        return None
    vol = np.where(strikes >= spot, call_iv, put_iv)
    known = np.flatnonzero(~np.isnan(vol))
    if known.size == 0:
        return None
    return float(vol[known[np.argmin(np.abs(strikes[known] - spot))]])
