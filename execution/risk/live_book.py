"""The book as positions and quotes change: the structure for the tree, the arrays for the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

import numpy as np

from analytics.book import BookArrays, BookGreeks, Exclusion, Mark, Model
from execution.market.betas import BetaBook
from execution.market.carry import CarryBook
from execution.market.data import MarketData
from execution.market.model_greeks import ModelColumns
from execution.risk.columns import Holding, position_columns, quote_sides, underlying_columns
from execution.risk.grouping import group_positions
from execution.views import BookNumbers, BookStructure, FloatArray, PositionRow, RowStatus
from models.clock import Clock, epoch_s
from models.contract import Contract
from models.enums import MarketDataKind
from models.greeks import PortfolioGreeks
from models.ids import AccountId, ContractKey
from models.order import OrderLeg
from models.position import UnifiedPosition
from models.quote import ModelGreeks, Quote
from models.trade import Execution

_STATUSES = tuple(RowStatus)
_CODE = {status: code for code, status in enumerate(_STATUSES)}
#: Why a row has no vol, by what its last quote was worth.
_CODE_OF_MARK = np.array(
    [
        _CODE[{Mark.NO_QUOTE: RowStatus.NO_QUOTE, Mark.TWO_SIDED: RowStatus.NO_VOL}.get(mark, RowStatus.ONE_SIDED)]
        for mark in Mark
    ],
    dtype=np.int8,
)
_STALE_AFTER_S = 60.0


class LiveBook:
    """Positions of every account as arrays that ticks update in place. Engine thread only."""

    def __init__(self, *, market: MarketData, betas: BetaBook, carry: CarryBook, clock: Clock) -> None:
        self._market = market
        self._betas = betas
        self._carry = carry
        self._clock = clock
        self._rows_of: dict[ContractKey, list[int]] = {}
        self._index_of: dict[str, int] = {}
        self._beta_version = -1
        self.version = 0
        self.positions: tuple[UnifiedPosition, ...] = ()
        self.structure = BookStructure(0, (), ())
        self._previous_close: FloatArray = np.empty(0)
        self._average_price: FloatArray = np.empty(0)
        self._quoted_at = np.empty(0)
        self._is_delayed = np.zeros(0, dtype=np.bool_)
        self._is_spot_delayed = np.zeros(0, dtype=np.bool_)
        self._broker = ModelColumns(0)
        self._status_codes = np.zeros(0, dtype=np.int8)
        self._cut_off: frozenset[AccountId] = frozenset()
        self._statuses: tuple[RowStatus, ...] = ()
        self.arrays = self._build(())

    def set_positions(self, positions: Sequence[UnifiedPosition]) -> bool:
        """Takes the positions of all accounts; False when nothing changed."""
        ordered = tuple(sorted(positions, key=_by_underlying))
        if ordered == self.positions and self._facts(ordered) == self._facts(self.positions):
            return False
        self.positions = ordered
        self.rebuild()
        return True

    def rebuild(self) -> None:
        """Builds structure and arrays anew from positions, betas and carry, keeping vols that are known."""
        known = {row.contract.key: self.arrays.vol[index] for index, row in enumerate(self.structure.rows)}
        self.version += 1
        self._beta_version = self._betas.version
        rows = tuple(self._row(position) for position in self.positions)
        self.structure = BookStructure(self.version, rows, group_positions(rows))
        self.arrays = self._build(rows)
        vols = np.array([known.get(row.contract.key, np.nan) for row in rows], dtype=np.float64)
        keep = np.flatnonzero(~np.isnan(vols))
        self.arrays.set_vols(keep, vols[keep])
        self.take_quotes(self._market.quote(key) for key in self._rows_of)
        known_greeks = (self._market.model_greeks(key) for key in self._rows_of)
        self.take_model_greeks(one for one in known_greeks if one is not None)

    def take_quotes(self, quotes: Iterable[Quote | None]) -> bool:
        """Writes new quotes into the arrays; False when none of them concerns the book."""
        rows: list[int] = []
        bids: list[float] = []
        asks: list[float] = []
        spots: dict[int, float] = {}
        at: list[float] = []
        delayed: list[bool] = []
        for quote in quotes:
            if quote is None:
                continue
            index = self._index_of.get(quote.key)
            if index is not None:
                spots[index] = self._market.price(quote.key)
                self._is_spot_delayed[index] = quote.kind is MarketDataKind.DELAYED
            for row in self._rows_of.get(quote.key, ()):
                rows.append(row)
                bids.append(np.nan if quote.bid is None else float(quote.bid))
                asks.append(np.nan if quote.ask is None else float(quote.ask))
                at.append(epoch_s(quote.at_utc))
                delayed.append(quote.kind is MarketDataKind.DELAYED)
        if spots:
            self.arrays.set_spots(list(spots), list(spots.values()))
        if rows:
            self.arrays.set_quotes(rows, bids, asks)
            self._quoted_at[rows] = at
            self._is_delayed[rows] = delayed
        return bool(spots or rows)

    def take_model_greeks(self, greeks: Iterable[ModelGreeks]) -> bool:
        """Writes the broker's own Greeks beside ours; False when none of them concerns the book."""
        told = [(row, one) for one in greeks for row in self._rows_of.get(one.key, ())]
        self._broker.put([row for row, _ in told], (one for _, one in told))
        return bool(told)

    def refresh(self) -> None:
        """Solves the vols of rows whose quotes changed."""
        if self._beta_version != self._betas.version:
            self.rebuild()
        self.arrays.refresh_vols(epoch_s(self._clock.now_utc()))

    def take_carry(self) -> None:
        """Takes rate and yields anew from the carry book; vols are solved again with them."""
        rows = self.arrays.option_rows
        contracts = [self.structure.rows[row].contract for row in rows.tolist()]
        carried = [self._carry.carry(contract.underlying, contract.expiry) for contract in contracts]
        self.arrays.set_carry(rows, [one.rate for one in carried], [one.dividend_yield for one in carried])

    def now_utc(self) -> datetime:
        """Returns desk time."""
        return self._clock.now_utc()

    def contracts(self) -> tuple[Contract, ...]:
        """Returns what is held."""
        return tuple(row.contract for row in self.structure.rows)

    def underlyings(self) -> tuple[str, ...]:
        """Returns the symbols whose prices the book needs."""
        return self.arrays.symbols

    def greeks(self, spx_price: float) -> BookGreeks:
        """Returns the Greeks of every row and the totals, weighted into an index at `spx_price`."""
        return self.arrays.greeks(epoch_s(self._clock.now_utc()), spx_price)

    def portfolio_greeks(
        self, spx_price: float, *, without: Sequence[Execution] = (), extra_legs: Sequence[OrderLeg] = ()
    ) -> PortfolioGreeks:
        """Returns the whole book's Greeks, less some executions or plus an order's legs, at this moment's market."""
        changes = [Holding(leg.contract, Decimal(leg.signed_quantity)) for leg in extra_legs]
        changes += [Holding(one.contract, -one.signed_quantity) for one in without]
        book = self.arrays if not changes else self.with_holdings(changes)
        now_utc = self._clock.now_utc()
        totals = book.greeks(epoch_s(now_utc), spx_price).totals
        return PortfolioGreeks(
            timestamp=now_utc,
            spx_equiv_delta=totals.spx_equiv_delta,
            gamma=totals.gamma,
            theta=totals.theta_per_day,
            vega=totals.vega_per_point,
            beta_unavailable_count=totals.beta_defaulted_count,
            excluded_count=totals.excluded_count,
        )

    def with_holdings(self, holdings: Sequence[Holding]) -> BookArrays:
        """Returns a copy of the book with holdings added, quoted and solved."""
        new = sorted({one.contract.underlying for one in holdings} - self._index_of.keys())
        index_of = dict(self._index_of)
        index_of.update({symbol: len(self.arrays.symbols) + offset for offset, symbol in enumerate(new)})
        book = self.arrays.with_positions(
            position_columns(holdings, index_of, self._carry),
            underlying_columns(new, self._market, self._betas) if new else None,
        )
        first = len(self.arrays)
        sides = [quote_sides(self._market, one.contract) for one in holdings]
        rows = list(range(first, first + len(holdings)))
        book.set_quotes(rows, [bid for bid, _ in sides], [ask for _, ask in sides])
        self._lend_vols(book, holdings, first)
        book.refresh_vols(epoch_s(self._clock.now_utc()))
        return book

    def _lend_vols(self, book: BookArrays, holdings: Sequence[Holding], first: int) -> None:
        """A contract that is held has a vol already: an added row of it starts from that one."""
        for offset, holding in enumerate(holdings):
            held = self._rows_of.get(holding.contract.key)
            if held and not np.isnan(self.arrays.vol[held[0]]):
                book.vol[first + offset] = self.arrays.vol[held[0]]

    def numbers(self, greeks: BookGreeks) -> BookNumbers:
        """Returns the live figures per row for the window."""
        arrays = self.arrays
        now = epoch_s(self._clock.now_utc())
        mark = np.where(np.isnan(arrays.mark), greeks.price, arrays.mark)
        per_point = arrays.quantity * arrays.multiplier
        spot = arrays.spot[arrays.underlying]
        sign = np.where(arrays.is_call, 1.0, -1.0)
        intrinsic = np.maximum(sign * (spot - arrays.strike), 0.0)
        option = arrays.model != Model.LINEAR
        broker = self._broker.at(now)
        return BookNumbers(
            version=self.version,
            at_utc=self._clock.now_utc(),
            mark=mark,
            market_value=per_point * mark,
            pnl_open=per_point * (mark - self._average_price),
            pnl_day=per_point * (mark - self._previous_close),
            iv=np.where(option, greeks.vol, np.nan),
            unit_delta=greeks.delta,
            underlying_price=spot,
            raw_delta=greeks.raw_delta,
            spx_equiv_delta=greeks.spx_equiv_delta,
            gamma=greeks.gamma_bw,
            theta_per_day=greeks.theta_dollars_per_day,
            vega_per_point=greeks.vega_dollars_per_point,
            quote_age_s=np.maximum(now - self._quoted_at, 0.0),
            extrinsic_value=np.where(option, per_point * (mark - intrinsic), np.nan),
            status=self.statuses(greeks, now),
            broker_iv=broker.iv,
            broker_delta=broker.delta,
            broker_age_s=broker.age_s,
            is_delayed=self._is_delayed | self._is_spot_delayed[arrays.underlying],
        )

    def set_cut_off(self, accounts: frozenset[AccountId]) -> None:
        """Takes whose positions nobody tells now: their rows are stale."""
        self._cut_off = accounts

    def statuses(self, greeks: BookGreeks, now_epoch_s: float) -> tuple[RowStatus, ...]:
        """Returns per row whether its figures stand, and if not why; the tuple is made anew only when one changed."""
        arrays = self.arrays
        codes = np.zeros(len(arrays), dtype=np.int8)
        codes[greeks.vol_stale | (now_epoch_s - self._quoted_at > _STALE_AFTER_S)] = _CODE[RowStatus.STALE]
        if self._cut_off:
            codes[[row.account_id in self._cut_off for row in self.structure.rows]] = _CODE[RowStatus.STALE]
        codes[np.isnan(self._quoted_at)] = _CODE[RowStatus.NO_QUOTE]
        no_vol = greeks.exclusion == Exclusion.NO_VOL
        codes[no_vol] = _CODE_OF_MARK[arrays.mark_status[no_vol]]
        codes[greeks.exclusion == Exclusion.NO_UNDERLYING_PRICE] = _CODE[RowStatus.NO_UNDERLYING]
        codes[arrays.expiry_epoch_s <= now_epoch_s] = _CODE[RowStatus.EXPIRED]
        if not np.array_equal(codes, self._status_codes):
            self._status_codes = codes
            self._statuses = tuple(_STATUSES[code] for code in codes)
        return self._statuses

    def _row(self, position: UnifiedPosition) -> PositionRow:
        beta = self._betas.beta(position.contract.underlying)
        return PositionRow(
            broker=position.broker,
            account_id=position.account_id,
            contract=position.contract,
            quantity=position.quantity,
            average_price=position.average_price,
            beta=beta.value,
            beta_source=beta.source,
        )

    def _build(self, rows: Sequence[PositionRow]) -> BookArrays:
        symbols = tuple(dict.fromkeys(row.contract.underlying for row in rows))
        self._index_of = {symbol: index for index, symbol in enumerate(symbols)}
        self._rows_of = {}
        for index, row in enumerate(rows):
            self._rows_of.setdefault(row.contract.key, []).append(index)
        self._previous_close = np.array(
            [np.nan if one.previous_close is None else float(one.previous_close) for one in self.positions],
            dtype=np.float64,
        )
        self._average_price = np.array([float(row.average_price) for row in rows], dtype=np.float64)
        self._quoted_at = np.full(len(rows), np.nan)
        self._is_delayed = np.zeros(len(rows), dtype=np.bool_)
        self._is_spot_delayed = np.array([self._market.is_delayed(symbol) for symbol in symbols], dtype=np.bool_)
        self._broker = ModelColumns(len(rows))
        holdings = [Holding(row.contract, row.quantity) for row in rows]
        return BookArrays(
            position_columns(holdings, self._index_of, self._carry),
            underlying_columns(symbols, self._market, self._betas),
        )

    @staticmethod
    def _facts(positions: Sequence[UnifiedPosition]) -> list[tuple[object, ...]]:
        return [
            (one.account_id, one.contract.key, one.quantity, one.average_price, one.previous_close) for one in positions
        ]


def _by_underlying(position: UnifiedPosition) -> tuple[str, ...]:
    contract = position.contract
    return (
        contract.underlying,
        f"{contract.expiry or ''}",
        contract.root,
        f"{contract.strike or 0:012.3f}",
        contract.right.value if contract.right else "",
        str(position.account_id),
    )
