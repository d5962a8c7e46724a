"""A recorded SPX chain with sample books on it, as a hedge search takes them; deterministic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt

from analytics.american import american_price
from analytics.book import BookArrays
from analytics.book_columns import PositionColumns, UnderlyingColumns
from analytics.hedge_search import ContractColumns, HedgeAccount, HedgeMarket, HeldRow, SearchInput, contract_columns
from analytics.margin import AccountMargin, RiskBook
from benchmarks.processes import NotMeasured
from execution.brokers.paper.recorded import RecordedMarket
from execution.margin_terms import futures_rule, risk_terms, span_parameters
from models.clock import epoch_s
from models.contract import Contract, underlying_contract
from models.enums import MarginMethod, Right
from models.ids import AccountId
from models.product import front_future
from models.risk import Limit

FILE = "chain_SPX_2026-05-04.parquet"
ACCOUNT = AccountId("SAMPLE")
RATE = 0.0375


@dataclass(frozen=True, slots=True)
class Sought:
    """A leg of a sample book: signed quantity of the option nearest to a delta and a term, or shares (`right` None)."""

    quantity: int
    days: float = 0.0
    right: Right | None = None
    delta: float = 0.0
    symbol: str = "SPX"


@dataclass(frozen=True, slots=True, eq=False)
class RecordedChain:
    """Every listed SPX and SPXW option of the recorded day, /ES, /MES and SPY beside it, with quotes."""

    columns: ContractColumns
    bid: npt.NDArray[np.float64]
    ask: npt.NDArray[np.float64]
    rate: npt.NDArray[np.float64]
    dividend_yield: npt.NDArray[np.float64]
    vol: npt.NDArray[np.float64]
    spots: dict[str, float]
    betas: dict[str, float]
    now_epoch_s: float

    @property
    def spx(self) -> float:
        """Level of the index."""
        return self.spots["SPX"]

    def market(self) -> HedgeMarket:
        """What may be traded."""
        symbols = tuple(self.spots)
        return HedgeMarket.of(
            self.columns,
            bid=self.bid,
            ask=self.ask,
            rate=self.rate,
            dividend_yield=self.dividend_yield,
            underlyings=UnderlyingColumns(symbols, list(self.spots.values()), [self.betas[one] for one in symbols]),
        )

    def find(self, leg: Sought) -> int:
        """Row of a leg's contract."""
        columns = self.columns
        if leg.right is None:
            return next(at for at, one in enumerate(columns.contracts) if not one.is_option and one.root == leg.symbol)
        days = (columns.expiry_epoch_s - self.now_epoch_s) / 86_400.0
        roots = np.array([root == "SPXW" for root in columns.roots])[columns.root]
        mine = np.flatnonzero(roots & (columns.is_call == (leg.right is Right.CALL)) & (self.bid > 0.0))
        expiry = mine[np.abs(days[mine] - leg.days).argmin()]
        mine = mine[columns.expiry_epoch_s[mine] == columns.expiry_epoch_s[expiry]]
        # Where a delta lies, in deviations: near enough to pick a strike by.
        years = days[expiry] / 365.0
        wanted = np.sqrt(years) * self.vol[mine] * _deviation(leg.delta)
        side = 1.0 if leg.right is Right.CALL else -1.0
        return int(mine[np.abs(np.log(columns.strike[mine] / self.spx) - side * wanted).argmin()])


def _deviation(delta: float) -> float:
    """How many deviations out of the money an option of this delta is, about."""
    table = (
        (0.02, 2.05),
        (0.05, 1.64),
        (0.10, 1.28),
        (0.16, 1.0),
        (0.20, 0.84),
        (0.30, 0.52),
        (0.40, 0.25),
        (0.50, 0.0),
    )
    return float(np.interp(delta, [one for one, _ in table], [other for _, other in table]))


def read_chain(folder: Path) -> RecordedChain:
    """Returns the recorded chain, live at its quarter to four."""
    market = RecordedMarket([folder / FILE])
    now_utc = market.starts_at_utc
    if now_utc is None:
        raise NotMeasured("a recorded market has no day of its own")
    options = [one for expiry in market.expiries("SPX", now_utc) for one in market.chain(expiry)]
    quotes = market.quotes(options, now_utc)
    models = market.models(options)
    spx = float(market.level("SPX") or 0)
    day = now_utc.date()
    lines = {
        underlying_contract(front_future("/ES", day)): (spx * 1.005, 0.25),
        underlying_contract(front_future("/MES", day)): (spx * 1.005, 0.25),
        underlying_contract("SPY"): (spx / 10.0, 0.01),
    }
    known = [models.get(one.key) for one in options]
    count = len(lines)
    sides = np.array([[_float(quote.bid), _float(quote.ask)] for quote in quotes])
    flat = np.array([[round(price / tick) * tick, round(price / tick) * tick + tick] for price, tick in lines.values()])
    both = np.concatenate([sides, flat])
    spots = {"SPX": spx, **{one.underlying: price for one, (price, _) in lines.items()}, "AAPL": 280.0, "QQQ": 660.0}
    return RecordedChain(
        columns=contract_columns([*options, *lines]),
        bid=both[:, 0],
        ask=both[:, 1],
        rate=np.array([RATE if one is None else one.rate for one in known] + [0.0] * count),
        dividend_yield=np.array([0.0 if one is None else one.dividend_yield for one in known] + [0.0] * count),
        vol=np.array([np.nan if one is None else one.vol for one in known] + [np.nan] * count),
        spots=spots,
        betas={
            "SPX": 1.0,
            "SPY": 1.0,
            "AAPL": 1.24,
            "QQQ": 1.18,
            **dict.fromkeys([one.underlying for one in lines], 1.0),
        },
        now_epoch_s=epoch_s(now_utc),
    )


def _float(price: Decimal | None) -> float:
    return np.nan if price is None else float(price)


def search_input(
    chain: RecordedChain,
    legs: Sequence[Sought],
    limits: Sequence[Limit],
    *,
    net_liq: float,
    shares: dict[str, int] | None = None,
    method: MarginMethod = MarginMethod.REG_T,
) -> SearchInput:
    """Returns the search of a book of these legs, and of shares by symbol, in one account."""
    at = [chain.find(leg) for leg in legs]
    stocks = shares or {}
    contracts: list[Contract] = [
        *(chain.columns.contracts[row] for row in at),
        *(underlying_contract(s) for s in stocks),
    ]
    quantity = [float(leg.quantity) for leg in legs] + [float(count) for count in stocks.values()]
    book = _book(chain, at, contracts, quantity)
    names = {*chain.spots}
    terms = {name: risk_terms(name) for name in names}
    prices = list(chain.spots.items())
    margin = AccountMargin(
        method,
        futures_rules={name: futures_rule(name, price) for name, price in prices if name.startswith("/")},
        span_parameters=span_parameters(prices),
        american=american_price,
    )
    used = margin.requirement(RiskBook.from_book(book, chain.now_epoch_s, terms))
    return SearchInput(
        book=book,
        rows=tuple(HeldRow(one, Decimal(int(q)), ACCOUNT) for one, q in zip(contracts, quantity, strict=True)),
        market=chain.market(),
        limits=tuple(limits),
        margin_used_pct=100.0 * used / net_liq,
        net_liq=net_liq,
        accounts=(HedgeAccount(ACCOUNT, margin, terms),),
        now_epoch_s=chain.now_epoch_s,
        spx_price=chain.spx,
    )


def _book(chain: RecordedChain, at: list[int], contracts: list[Contract], quantity: list[float]) -> BookArrays:
    """The live book: vols solved from the quotes of the chain."""
    columns, shares = chain.columns, len(contracts) - len(at)
    symbols = tuple(dict.fromkeys(one.underlying for one in contracts))
    pad = np.full(shares, np.nan)
    rows = np.array(at, dtype=np.intp)
    book = BookArrays(
        PositionColumns(
            quantity=quantity,
            multiplier=[float(one.multiplier) for one in contracts],
            model=np.concatenate([columns.model[rows], np.zeros(shares, dtype=np.int8)]),
            underlying=[symbols.index(one.underlying) for one in contracts],
            strike=np.concatenate([columns.strike[rows], pad]),
            expiry_epoch_s=np.concatenate([columns.expiry_epoch_s[rows], pad]),
            is_call=np.concatenate([columns.is_call[rows], np.zeros(shares, dtype=np.bool_)]),
            rate=np.concatenate([chain.rate[rows], np.zeros(shares)]),
            dividend_yield=np.concatenate([chain.dividend_yield[rows], np.zeros(shares)]),
        ),
        UnderlyingColumns(symbols, [chain.spots[one] for one in symbols], [chain.betas[one] for one in symbols]),
    )
    stock_quotes = np.array([chain.spots[one.underlying] for one in contracts[len(at) :]])
    bid = np.concatenate([chain.bid[rows], stock_quotes - 0.01])
    ask = np.concatenate([chain.ask[rows], stock_quotes + 0.01])
    book.set_quotes(np.arange(len(contracts)), bid, ask)
    book.refresh_vols(chain.now_epoch_s)
    return book
