"""Sample books on a paper market, recorded or synthetic, as a hedge search takes them; deterministic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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
from execution.brokers.paper.sample_book import load_sample_book, seed_sample_book
from execution.brokers.paper.settings import PaperAccount, PaperSettings
from execution.brokers.paper.simulated import SimulatedMarket
from execution.brokers.paper.synthetic import SyntheticMarket
from execution.margin_terms import futures_rule, risk_terms, span_parameters
from models.clock import epoch_s
from models.contract import Contract, underlying_contract
from models.enums import MarginMethod, Right
from models.ids import AccountId, ContractKey
from models.product import front_future
from models.quote import Quote
from models.risk import Limit

FILE = "chain_SPX_2026-05-04.parquet"
ACCOUNT = AccountId("SAMPLE")
RATE = 0.0375
_SAMPLE = Path(__file__).resolve().parent.parent / "assets" / "sample_book.json"
_SYNTHETIC_FROM = datetime(2026, 11, 16, 15, 30, tzinfo=UTC)
_BETAS = {"SPX": 1.0, "XSP": 1.0, "SPY": 1.0, "AAPL": 1.24, "QQQ": 1.18}
#: (delta, deviations out of the money), about.
_DEVIATIONS = (
    (0.02, 2.05),
    (0.05, 1.64),
    (0.10, 1.28),
    (0.16, 1.0),
    (0.20, 0.84),
    (0.30, 0.52),
    (0.40, 0.25),
    (0.50, 0.0),
)
Floats = npt.NDArray[np.float64]
Held = tuple[Contract, int]


@dataclass(frozen=True, slots=True)
class Sought:
    """A leg of a sample book: signed quantity of the SPXW option nearest to a delta and a term."""

    quantity: int
    days: float
    right: Right
    delta: float


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Every option of some underlyings with its quote and carry, futures and shares beside them, at one instant."""

    columns: ContractColumns
    bid: Floats
    ask: Floats
    rate: Floats
    dividend_yield: Floats
    vol: Floats
    spots: dict[str, float]
    now_epoch_s: float

    @property
    def spx(self) -> float:
        """Level of the index."""
        return self.spots["SPX"]

    def beta(self, symbol: str) -> float:
        """Beta of an underlying to the index."""
        return _BETAS.get(symbol, 1.0)

    def market(self) -> HedgeMarket:
        """What may be traded."""
        symbols = tuple(self.spots)
        betas = [self.beta(one) for one in symbols]
        return HedgeMarket.of(
            self.columns,
            bid=self.bid,
            ask=self.ask,
            rate=self.rate,
            dividend_yield=self.dividend_yield,
            underlyings=UnderlyingColumns(symbols, list(self.spots.values()), betas),
        )

    def find(self, legs: Sequence[Sought]) -> list[Held]:
        """The contracts of legs, and how many."""
        return [(self.columns.contracts[self._row(leg)], leg.quantity) for leg in legs]

    def _row(self, leg: Sought) -> int:
        columns = self.columns
        days = (columns.expiry_epoch_s - self.now_epoch_s) / 86_400.0
        weekly = np.array([root == "SPXW" for root in columns.roots])[columns.root]
        mine = np.flatnonzero(weekly & (columns.is_call == (leg.right is Right.CALL)) & (self.bid > 0.0))
        expiry = mine[np.abs(days[mine] - leg.days).argmin()]
        mine = mine[columns.expiry_epoch_s[mine] == columns.expiry_epoch_s[expiry]]
        out = float(np.interp(leg.delta, [one for one, _ in _DEVIATIONS], [other for _, other in _DEVIATIONS]))
        wanted = np.sqrt(days[expiry] / 365.0) * self.vol[mine] * out * (1.0 if leg.right is Right.CALL else -1.0)
        return int(mine[np.abs(np.log(columns.strike[mine] / self.spx) - wanted).argmin()])


def recorded(folder: Path) -> Chain:
    """Returns every listed SPX and SPXW option of the recorded day at a quarter to four, with /ES, /MES and SPY."""
    if not (folder / FILE).is_file():
        raise NotMeasured(f"the recorded chain {FILE} is not in {folder}; say where with --shared")
    market = RecordedMarket([folder / FILE])
    now_utc = market.starts_at_utc
    if now_utc is None:
        raise NotMeasured("a recorded market has no day of its own")
    spx = float(market.level("SPX") or 0)
    day = now_utc.date()
    lines = {
        underlying_contract(front_future("/ES", day)): (spx * 1.005, 0.25),
        underlying_contract(front_future("/MES", day)): (spx * 1.005, 0.25),
        underlying_contract("SPY"): (spx / 10.0, 0.01),
    }
    return _chain(market, ("SPX",), lines, {"AAPL": 280.0, "QQQ": 660.0}, now_utc)


def synthetic() -> tuple[Chain, list[Held], float]:
    """Returns the synthetic market, the desk's sample book on it, and its net liquidation."""
    market = SyntheticMarket(seed=7, start_utc=_SYNTHETIC_FROM)
    sample = load_sample_book(_SAMPLE)
    account = PaperAccount()
    seeded = seed_sample_book(sample, market, PaperSettings(), _SYNTHETIC_FROM, account=account)
    held = [
        (one.execution.contract, int(one.execution.action.sign * one.execution.quantity)) for one in seeded.executions
    ]
    symbols = dict.fromkeys(one.underlying for one, _ in held)
    future = next(one for one in symbols if one.startswith("/"))
    micro = underlying_contract(future.replace("/ES", "/MES"))
    quotes = market.quotes([underlying_contract(one) for one in symbols], _SYNTHETIC_FROM)
    prices = {one: float(quote.mark or 0) for one, quote in zip(symbols, quotes, strict=True)}
    ticks = {one: 0.25 if one.startswith("/") else 0.01 for one in symbols}
    lines = {underlying_contract(one): (price, ticks[one]) for one, price in prices.items() if one != "SPX"}
    options = tuple(one for one in ("SPX", "SPY", "QQQ", "AAPL") if one in symbols)
    chain = _chain(market, options, {**lines, micro: (prices[future], 0.25)}, {}, _SYNTHETIC_FROM)
    return chain, held, float(sample.net_liquidation)


def _chain(
    market: SimulatedMarket,
    underlyings: Sequence[str],
    lines: dict[Contract, tuple[float, float]],
    others: dict[str, float],
    now_utc: datetime,
) -> Chain:
    options = [c for name in underlyings for expiry in market.expiries(name, now_utc) for c in market.chain(expiry)]
    models = market.models(options)
    known = [models.get(one.key) for one in options]
    flat = [(round(price / tick) * tick, round(price / tick) * tick + tick) for price, tick in lines.values()]
    both = np.array([_sides(quote) for quote in market.quotes(options, now_utc)] + flat)
    none = [0.0] * len(lines)
    spots = {name: float(market.level(name) or 0) for name in underlyings}
    return Chain(
        columns=contract_columns([*options, *lines]),
        bid=both[:, 0],
        ask=both[:, 1],
        rate=np.array([RATE if one is None else one.rate for one in known] + none),
        dividend_yield=np.array([0.0 if one is None else one.dividend_yield for one in known] + none),
        vol=np.array([np.nan if one is None else one.vol for one in known] + none),
        spots={**{one.underlying: price for one, (price, _) in lines.items()}, **spots, **others},
        now_epoch_s=epoch_s(now_utc),
    )


def _sides(quote: Quote) -> tuple[float, float]:
    return _float(quote.bid), _float(quote.ask)


def _float(price: Decimal | None) -> float:
    return np.nan if price is None else float(price)


def search_input(
    chain: Chain,
    held: Sequence[Held],
    limits: Sequence[Limit],
    *,
    net_liq: float,
    method: MarginMethod = MarginMethod.REG_T,
) -> SearchInput:
    """Returns the search of a book in one account, margins by the desk's rules."""
    book = _book(chain, held)
    terms = {name: risk_terms(name) for name in chain.spots}
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
        rows=tuple(HeldRow(one, Decimal(count), ACCOUNT) for one, count in held),
        market=chain.market(),
        limits=tuple(limits),
        margin_used_pct=100.0 * used / net_liq,
        net_liq=net_liq,
        accounts=(HedgeAccount(ACCOUNT, margin, terms),),
        now_epoch_s=chain.now_epoch_s,
        spx_price=chain.spx,
    )


def _book(chain: Chain, held: Sequence[Held]) -> BookArrays:
    """The live book: vols solved from the quotes of the chain."""
    everything = contract_columns([one for one, _ in held])
    symbols = tuple(dict.fromkeys(one.underlying for one, _ in held))
    facts = np.array([_market_facts(chain, one.key, chain.spots[one.underlying]) for one, _ in held])
    book = BookArrays(
        PositionColumns(
            quantity=[float(count) for _, count in held],
            multiplier=everything.multiplier,
            model=everything.model,
            underlying=[symbols.index(one.underlying) for one, _ in held],
            strike=everything.strike,
            expiry_epoch_s=everything.expiry_epoch_s,
            is_call=everything.is_call,
            rate=facts[:, 2],
            dividend_yield=facts[:, 3],
            is_american=everything.is_american,
        ),
        UnderlyingColumns(symbols, [chain.spots[one] for one in symbols], [chain.beta(one) for one in symbols]),
    )
    book.set_quotes(np.arange(len(held)), facts[:, 0], facts[:, 1])
    book.refresh_vols(chain.now_epoch_s)
    return book


def _market_facts(chain: Chain, key: ContractKey, spot: float) -> tuple[float, float, float, float]:
    """Bid, ask, rate and yield of a contract; shares that the chain lacks trade a cent around their price."""
    row = chain.columns.row_of.get(key)
    if row is None:
        return spot - 0.01, spot + 0.01, 0.0, 0.0
    return float(chain.bid[row]), float(chain.ask[row]), float(chain.rate[row]), float(chain.dividend_yield[row])
