"""What the synthetic and the recorded market share: moving paths, live surfaces, two-sided quotes, closes, state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Protocol

import numpy as np

from execution.brokers.paper.market import OptionModel
from execution.brokers.paper.paths import Frame, PathEngine, frame_from_json, frame_to_json, new_york_date
from execution.brokers.paper.pricing import Asset, ContractTable, FramePricer, Priced
from execution.brokers.paper.quoting import SCALE, IntArray, decimal_maker, markets, sizes, snap
from execution.brokers.paper.surface import FloatArray, variance_index
from execution.brokers.port import ChainExpiry
from execution.storage import SessionCalendar
from models.business_days import is_business_day
from models.clock import epoch_s
from models.contract import Contract
from models.enums import InstrumentKind, MarketDataKind, Settlement
from models.expiry import settlement_instant_utc
from models.ids import ContractKey
from models.quote import Quote

_VOL_INDEX_DAYS: Final = {"VIX": 30, "VIX3M": 93}
_MONTHLY_ONLY: Final = {"VIX3M"}
_KEPT_CLOSES: Final = 2
_UNKNOWN: Final = -1
_UNDERLYING_SIZE: Final = 500
_FUTURE_SIZE: Final = 40


@dataclass(frozen=True, slots=True)
class Print:
    """What a recorded chain says of a contract's trades; None = nothing."""

    last: Decimal | None
    previous_close: Decimal | None


class Listings(Protocol):
    """What is listed in a market."""

    def underlyings(self) -> tuple[str, ...]:
        """Returns the symbols with options, most traded first."""
        ...

    def expiries(self, underlying: str, today: date) -> tuple[ChainExpiry, ...]:
        """Returns the expirations of `today` and later, in date order."""
        ...

    def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        """Returns the contracts of an expiration by strike, call before put; empty when not listed."""
        ...

    def resolve(self, key: ContractKey) -> Contract | None:
        """Returns the listed contract, None when it is not listed."""
        ...

    def print_of(self, key: ContractKey, today: date) -> Print | None:
        """Returns the recorded trades of a contract while they are of `today`; None when there are none."""
        ...

    def watch(self, prices: dict[str, float], today: date) -> None:
        """Tells the day and where the underlyings are, so that expirations and strikes follow."""
        ...

    def state(self) -> dict[str, Any]:
        """Returns JSON-able state."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from an earlier `state`."""
        ...


class SimulatedMarket:
    """A `MarketSource` over paths, surfaces and listings. Called from one thread."""

    label: str
    environment: str
    starts_at_utc: datetime | None

    def __init__(
        self,
        *,
        label: str,
        environment: str,
        starts_at_utc: datetime | None,
        paths: PathEngine,
        assets: dict[str, Asset],
        listings: Listings,
        rate: float,
        sessions: SessionCalendar | None = None,
    ) -> None:
        self.label, self.environment, self.starts_at_utc = label, environment, starts_at_utc
        self._paths, self._assets, self._listings = paths, assets, listings
        self._rate, self._sessions = rate, sessions
        self._table = ContractTable()
        self._closes: list[Frame] = []
        self._now = FramePricer(paths.frame, self._table, rate=rate)
        self._before: FramePricer | None = None
        self._previous: dict[int, int] = {}
        self._decimal = decimal_maker()
        self._pulse = 0
        self._ladders: dict[tuple[str, date], FloatArray] = {}

    # --- what is listed -----------------------------------------------------------------------------------------------

    def underlyings(self) -> tuple[str, ...]:
        """Returns the symbols with options, most traded first."""
        return self._listings.underlyings()

    def expiries(self, underlying: str, now_utc: datetime) -> tuple[ChainExpiry, ...]:
        """Returns the expirations that still trade at `now_utc`, in date order; empty for an unknown underlying.

        An AM-settled expiration stops trading the business day before it settles.
        """
        today = new_york_date(now_utc)
        return tuple(
            one
            for one in self._listings.expiries(underlying, today)
            if (one.expiry > today or one.settlement is Settlement.PM)
            and settlement_instant_utc(one.expiry, one.settlement) > now_utc
        )

    def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        """Returns the contracts of an expiration by strike, call before put."""
        return self._listings.chain(expiry)

    def resolve(self, key: ContractKey) -> Contract | None:
        """Returns the listed contract of a key, None when it is not listed."""
        return self._listings.resolve(key)

    # --- time ---------------------------------------------------------------------------------------------------------

    def advance(self, to_utc: datetime) -> None:
        """Moves every path to `to_utc`; the frames of the closes on the way are kept. Never back."""
        here = self._paths.frame.at_utc
        if to_utc <= here:
            return
        day, last = new_york_date(here), new_york_date(to_utc)
        while day <= last:
            close = settlement_instant_utc(day, Settlement.PM)
            if here < close <= to_utc and is_business_day(day):
                self._paths.advance(close)
                self._closes = [*self._closes, self._paths.frame][-_KEPT_CLOSES:]
            day += timedelta(days=1)
        self._paths.advance(to_utc)
        self._pulse += 1
        self._renew()

    def _renew(self) -> None:
        frame = self._paths.frame
        self._now = FramePricer(frame, self._table, rate=self._rate)
        today = new_york_date(frame.at_utc)
        before = next((close for close in reversed(self._closes) if new_york_date(close.at_utc) < today), None)
        if before is None or self._before is None or before.at_utc != self._before.frame.at_utc:
            self._before = None if before is None else FramePricer(before, self._table, rate=self._rate)
            self._previous.clear()
        self._listings.watch({symbol: asset.price_at(frame) for symbol, asset in self._assets.items()}, today)

    def state(self) -> dict[str, Any]:
        """Returns JSON-able state from which `restore` continues the same paths."""
        return {
            "environment": self.environment,
            "paths": self._paths.state(),
            "closes": [frame_to_json(close) for close in self._closes],
            "listings": self._listings.state(),
            "pulse": self._pulse,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from an earlier `state`; raises ValueError when it belongs to another market."""
        if state.get("environment") != self.environment:
            raise ValueError(f"the saved state is of {state.get('environment')!r}, this market is {self.environment!r}")
        try:
            self._paths.restore(state["paths"])
            self._closes = [frame_from_json(close) for close in state["closes"]]
            self._listings.restore(state["listings"])
            self._pulse = int(state["pulse"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"the saved state of the market cannot be read: {error!r}") from error
        self._before = None
        self._renew()

    # --- prices -------------------------------------------------------------------------------------------------------

    def level(self, symbol: str) -> Decimal | None:
        """Returns the level of an underlying, or of VIX and VIX3M (30 and 93 days) replicated from the SPX surface.

        To a hundredth; None when it is not in this market.
        """
        points = self._points(symbol, self._now)
        return None if points is None else self._decimal(round(points * 100.0) * (SCALE // 100))

    def models(self, contracts: Sequence[Contract]) -> dict[ContractKey, OptionModel]:
        """Returns how the options among `contracts` are priced as of the last `advance`; without those it cannot."""
        options = [contract for contract in contracts if contract.is_option]
        if not options:
            return {}
        found = self._now.models(self._table.rows(options, self._assets))
        return {one.key: model for one, model in zip(options, found, strict=True) if model is not None}

    def quotes(self, contracts: Sequence[Contract], now_utc: datetime) -> list[Quote]:
        """Returns the quotes of `contracts` as of the last `advance`, in order.

        Indices have a last price and no market; an expired or unlisted contract has neither side.
        """
        kind = self._kind(now_utc)
        options = [contract for contract in contracts if contract.is_option]
        priced = self._option_quotes(options, kind)
        if len(options) == len(contracts):
            return priced
        following = iter(priced)
        return [next(following) if one.is_option else self._underlying_quote(one, kind) for one in contracts]

    def _kind(self, now_utc: datetime) -> MarketDataKind:
        if self._sessions is None:
            return MarketDataKind.SIMULATED
        bounds = self._sessions.session_bounds_utc(new_york_date(now_utc))
        is_open = bounds is not None and bounds[0] <= now_utc < bounds[1]
        return MarketDataKind.SIMULATED if is_open else MarketDataKind.FROZEN

    def _option_quotes(self, contracts: list[Contract], kind: MarketDataKind) -> list[Quote]:
        if not contracts:
            return []
        rows = self._table.rows(contracts, self._assets)
        model = self._now.price(rows)
        bid, ask, last = self._market_columns(rows, model)
        bid_size, ask_size = sizes(self._table.fingerprints(rows), self._pulse, model.price)
        previous = self._previous_closes(rows)
        at_utc, money, today = self._now.frame.at_utc, self._decimal, new_york_date(self._now.frame.at_utc)
        print_of = self._listings.print_of
        quotes = []
        columns = zip(
            contracts,
            model.alive.tolist(),
            bid.tolist(),
            ask.tolist(),
            last.tolist(),
            bid_size.tolist(),
            ask_size.tolist(),
            previous,
            strict=True,
        )
        for contract, alive, b, a, p, b_size, a_size, before in columns:
            key = contract.key
            printed = print_of(key, today)
            closed = money(before) if before != _UNKNOWN else None if printed is None else printed.previous_close
            if not alive:
                quotes.append(Quote(key, None, None, None, at_utc, kind, None, None, closed))
                continue
            traded = money(p) if printed is None else printed.last
            quotes.append(Quote(key, money(b), money(a), traded, at_utc, kind, b_size if b else 0, a_size, closed))
        return quotes

    def _market_columns(self, rows: IntArray, model: Priced) -> tuple[IntArray, IntArray, IntArray]:
        ticks = self._table.ticks(rows)
        two_sided = markets(
            model.price,
            intrinsic=model.intrinsic,
            spot=model.spot,
            t_years=model.t_years,
            width=self._table.width(rows),
            tick=ticks,
        )
        return two_sided.bid, two_sided.ask, snap(model.price, ticks)

    def _previous_closes(self, rows: IntArray) -> list[int]:
        before, known = self._before, self._previous
        if before is None:
            return [_UNKNOWN] * rows.size
        wanted = rows.tolist()
        missing = np.array([row for row in wanted if row not in known], dtype=np.int64)
        if missing.size:
            model = before.price(missing)
            closes = np.where(model.alive, snap(model.price, self._table.ticks(missing)), _UNKNOWN)
            known.update(zip(missing.tolist(), closes.tolist(), strict=True))
        return [known[row] for row in wanted]

    def _underlying_quote(self, contract: Contract, kind: MarketDataKind) -> Quote:
        symbol = str(contract.key)
        at_utc = self._now.frame.at_utc
        points = self._points(symbol, self._now)
        before = None if self._before is None else self._points(symbol, self._before)
        closed = None if before is None else self._on_tick(before, contract)
        if points is None:
            return Quote(contract.key, None, None, None, at_utc, kind, None, None, closed)
        last = self._on_tick(points, contract)
        if contract.kind is InstrumentKind.INDEX:
            return Quote(contract.key, None, None, last, at_utc, kind, None, None, closed)
        tick = contract.tick.tick_at(last)
        below = last if float(last) <= points else last - tick
        size = _FUTURE_SIZE if contract.kind is InstrumentKind.FUTURE else _UNDERLYING_SIZE
        return Quote(contract.key, below, below + tick, last, at_utc, kind, size, size, closed)

    def _on_tick(self, points: float, contract: Contract) -> Decimal:
        tick = contract.tick.above
        return round(points / float(tick)) * tick

    def _points(self, symbol: str, at: FramePricer) -> float | None:
        asset = self._assets.get(symbol)
        if asset is not None:
            return asset.price_at(at.frame)
        days, spx = _VOL_INDEX_DAYS.get(symbol), self._assets.get("SPX")
        if days is None or spx is None:
            return None
        today = new_york_date(at.frame.at_utc)
        log_variance = float(at.frame.log_variances[spx.path])
        ladder = self._index_ladder(symbol, today)
        return variance_index(spx.option_smile, ladder, epoch_s(at.frame.at_utc), log_variance, days=days)

    def _index_ladder(self, symbol: str, today: date) -> FloatArray:
        """The settlement instants of the SPX expirations that Cboe builds a volatility index from."""
        found = self._ladders.get((symbol, today))
        if found is None:
            listed = self._listings.expiries("SPX", today)
            used = index_expirations(listed, monthly_only=symbol in _MONTHLY_ONLY)
            instants = [epoch_s(settlement_instant_utc(one.expiry, one.settlement)) for one in used]
            found = self._ladders[symbol, today] = np.array(instants)
        return found


def index_expirations(listed: Sequence[ChainExpiry], *, monthly_only: bool) -> list[ChainExpiry]:
    """Returns the expirations that Cboe's volatility indices are built from, in time order.

    The last of every week, and of two on that day the standard, AM-settled one: "only SPX options with Friday
    expirations" (Cboe, VIX Index FAQ). Those of other days miss the weekend and are lower. `monthly_only`: the standard
    ones alone, as for VIX3M.
    """
    of_week: dict[tuple[int, int], ChainExpiry] = {}
    for one in sorted(listed, key=lambda each: (each.expiry, each.settlement is Settlement.AM)):
        year, week, _ = one.expiry.isocalendar()
        of_week[year, week] = one
    return [one for one in of_week.values() if one.settlement is Settlement.AM or not monthly_only]
