"""What a hedge search is given: the book, what may be traded at which quotes, the limits, the accounts.

Everything is as it stands at one instant; nothing here is changed by a search. Signs and units are those of
`analytics.book`; prices per unit of the underlying, as quoted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Bools, Floats
from analytics.book import BookArrays
from analytics.book_columns import Codes, Model, Rows, UnderlyingColumns, column, is_price
from analytics.margin import AccountMargin, RiskTerms
from analytics.scenarios import STRESS_SHIFTS, SpotVolBeta
from models.clock import epoch_s
from models.contract import Contract
from models.enums import ExerciseStyle, InstrumentKind, Right
from models.hedge import HedgeCandidate
from models.ids import AccountId, ContractKey
from models.risk import Limit


def worst_rungs(stress: Floats) -> Rows:
    """Number of the worst rung of each ladder [..., rung]; of rungs that are equally bad, to the cent, the first."""
    lowest = stress.min(axis=-1, keepdims=True)
    return np.asarray((stress <= lowest + 0.005).argmax(axis=-1), dtype=np.intp)


class HedgeError(ValueError):
    """A search that cannot be made, or a trade that cannot be priced; the message says why and what to do."""


class NotListed(HedgeError):
    """A leg's contract is neither held nor in the market given."""


class NoQuote(HedgeError):
    """A leg's contract has no two-sided quote, no bid where it is sold, or no vol to be had from its quote."""


class Held(Protocol):
    """One row of the book: what is held, how much (signed), and where. `execution.views.PositionRow` is one."""

    @property
    def contract(self) -> Contract:
        """What is held."""
        ...

    @property
    def quantity(self) -> Decimal:
        """Signed contracts or shares."""
        ...

    @property
    def account_id(self) -> AccountId:
        """Where it lies, and where alone it can be closed."""
        ...


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A `Held` of its own."""

    contract: Contract
    quantity: Decimal
    account_id: AccountId


@dataclass(frozen=True, slots=True, eq=False)
class ContractColumns:
    """What never changes about the contracts of a market, one entry each; made once per chain with `contract_columns`.

    model: codes of `Model`. underlying: entry of `symbols`. root: entry of `roots`. strike, expiry_epoch_s: NaN for
    shares and futures. row_of: entry of a key.
    """

    contracts: tuple[Contract, ...]
    symbols: tuple[str, ...]
    roots: tuple[str, ...]
    underlying: Rows
    root: Rows
    multiplier: Floats
    model: Codes
    strike: Floats
    expiry_epoch_s: Floats
    is_call: Bools
    is_american: Bools
    row_of: Mapping[ContractKey, int]

    def __len__(self) -> int:
        return len(self.contracts)


def contract_columns(contracts: Sequence[Contract]) -> ContractColumns:
    """The contracts as columns; of equal keys the first counts, and an index, which cannot be traded, is left out."""
    unique = {one.key: one for one in contracts if one.kind is not InstrumentKind.INDEX}
    kept = tuple(unique.values())
    symbols = {name: at for at, name in enumerate(dict.fromkeys(one.underlying for one in kept))}
    roots = {name: at for at, name in enumerate(dict.fromkeys(one.root for one in kept))}
    expiries: dict[tuple[object, object], float] = {}
    return ContractColumns(
        contracts=kept,
        symbols=tuple(symbols),
        roots=tuple(roots),
        underlying=np.array([symbols[one.underlying] for one in kept], dtype=np.intp),
        root=np.array([roots[one.root] for one in kept], dtype=np.intp),
        multiplier=np.array([float(one.multiplier) for one in kept], dtype=np.float64),
        model=np.array([model_of(one) for one in kept], dtype=np.int8),
        strike=np.array([float(one.strike or 0) or math.nan for one in kept], dtype=np.float64),
        expiry_epoch_s=np.array([_expiry(one, expiries) for one in kept], dtype=np.float64),
        is_call=np.array([one.right is Right.CALL for one in kept], dtype=np.bool_),
        is_american=np.array([one.style is ExerciseStyle.AMERICAN for one in kept], dtype=np.bool_),
        row_of={one.key: row for row, one in enumerate(kept)},
    )


def model_of(contract: Contract) -> Model:
    """How a contract is valued."""
    if contract.kind is InstrumentKind.OPTION:
        return Model.BSM
    return Model.BLACK76 if contract.kind is InstrumentKind.FUTURE_OPTION else Model.LINEAR


def _expiry(contract: Contract, known: dict[tuple[object, object], float]) -> float:
    """Settlement instant, seconds UTC; asked once per day and settlement, for the calendar is slow."""
    if not contract.is_option:
        return math.nan
    key = (contract.expiry, contract.settlement)
    if key not in known:
        at = contract.expires_at_utc
        known[key] = math.nan if at is None else epoch_s(at)
    return known[key]


@dataclass(frozen=True, slots=True, eq=False)
class HedgeMarket:
    """What may be traded, and the quotes of this instant.

    bid, ask: per contract, NaN = none; a bid of 0 is a real one. rate, dividend_yield: continuous per year, per
    contract. underlyings: spot and beta at least of every underlying of the contracts that is not in the book.
    """

    columns: ContractColumns
    bid: Floats
    ask: Floats
    rate: Floats
    dividend_yield: Floats
    underlyings: UnderlyingColumns

    @classmethod
    def of(
        cls,
        contracts: Sequence[Contract] | ContractColumns,
        *,
        bid: npt.ArrayLike,
        ask: npt.ArrayLike,
        rate: npt.ArrayLike,
        dividend_yield: npt.ArrayLike,
        underlyings: UnderlyingColumns,
    ) -> Self:
        """Build and check; a single number serves every contract. Raises `HedgeError`.

        contracts: columns made before, or the contracts themselves (then without indices and without any key twice,
        so that quotes and contracts stay side by side).
        """
        columns = contracts if isinstance(contracts, ContractColumns) else contract_columns(contracts)
        if len(columns) != len(columns.contracts if isinstance(contracts, ContractColumns) else contracts):
            raise HedgeError("the contracts hold an index or a key twice: quotes would not match. Leave those out.")
        count = len(columns)
        return cls(
            columns=columns,
            bid=column("bid", bid, count, np.float64),
            ask=column("ask", ask, count, np.float64),
            rate=column("rate", rate, count, np.float64),
            dividend_yield=column("dividend_yield", dividend_yield, count, np.float64),
            underlyings=underlyings,
        )


@dataclass(frozen=True, slots=True, eq=False)
class HedgeAccount:
    """An account to trade in: its margin rules, and what its underlyings are in them (book and market alike)."""

    account_id: AccountId
    margin: AccountMargin
    terms: Mapping[str, RiskTerms]


@dataclass(frozen=True, slots=True, eq=False)
class SearchInput:
    """One instant of the desk.

    rows: one per position of `book`, in its order. limits: those in force (or those a step up would bring).
    margin_used_pct: maintenance of all accounts as per cent of `net_liq`, None = unknown. accounts: those that may
    trade; new positions go into the first, what lies elsewhere is left alone; with none given everything may be traded
    and margins are unknown. clear_margin: a breach clears when the figure is back inside by this share of the limit.
    max_contracts_per_leg: the desk's cap, shares exempt. response: how vols answer to the index in the stress ladder,
    None = sticky strike.
    """

    book: BookArrays
    rows: Sequence[Held]
    market: HedgeMarket
    limits: tuple[Limit, ...]
    margin_used_pct: float | None
    net_liq: float | None
    accounts: tuple[HedgeAccount, ...]
    now_epoch_s: float
    spx_price: float
    clear_margin: float = 0.05
    max_contracts_per_leg: int = 100
    response: SpotVolBeta | None = None
    stress_shifts: tuple[float, ...] = field(default=STRESS_SHIFTS)

    def __post_init__(self) -> None:
        if len(self.rows) != len(self.book):
            raise HedgeError(f"{len(self.rows)} rows for a book of {len(self.book)} positions. Give one per position.")
        if not bool(is_price(self.spx_price)):
            raise HedgeError("SPX has no price: nothing can be weighed into it. Wait for a quote of the index.")
        if not self.stress_shifts:
            raise HedgeError("the stress ladder has no rungs. Give at least one move of the index.")

    def margin_pct(self, dollars: Floats) -> Floats:
        """Dollars of requirement as per cent of net liquidation; 0 while that is unknown or not positive."""
        if self.net_liq is None or self.net_liq <= 0.0:
            return np.zeros(np.shape(dollars))
        return np.asarray(100.0 * np.nan_to_num(dollars) / self.net_liq)

    def account(self, account_id: AccountId | None) -> HedgeAccount | None:
        """The account of that id, None when it is not among those given."""
        return next((one for one in self.accounts if one.account_id == account_id), None)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The trades found, best first, "do nothing" last.

    scored_count: candidates whose figures were worked out. pruned_count: of those that would have been good enough,
    how many another one of their kind beats in every respect. is_partial: nothing within four legs cures alone; the
    best partial cures are given. notes: what the figures do not contain, in words.
    """

    candidates: tuple[HedgeCandidate, ...]
    scored_count: int
    pruned_count: int
    is_partial: bool
    notes: tuple[str, ...]
    elapsed_s: float
