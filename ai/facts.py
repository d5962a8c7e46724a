"""The figures, contracts, symbols and days of a payload: what a model may say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, Self

from pydantic import BaseModel

from ai.payload import UNITS, CandidateFacts, ContractFacts, LegFacts, LimitChange, LimitState, Number, Payload, Unit

#: Belongs to the situation, not to one candidate.
COMMON: Final = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure; `owner` is the candidate it is of. A debit is positive, a credit negative."""

    value: float
    unit: Unit
    owner: str


@dataclass(frozen=True, slots=True)
class KnownContract:
    """A contract of a candidate."""

    root: str
    underlying: str
    expiry: date | None
    strike: float | None
    right: str | None
    #: What the trade does with it.
    action: str
    owner: str

    def is_called(self, symbol: str) -> bool:
        """Returns whether `symbol` is its root or its underlying, with or without the sign of a future."""
        return symbol.lstrip("./") in {self.root.lstrip("./"), self.underlying.lstrip("./")}


@dataclass(frozen=True, slots=True)
class Facts:
    """What may be said."""

    figures: tuple[Figure, ...]
    contracts: tuple[KnownContract, ...]
    #: Every candidate's, whatever the scope.
    ids: frozenset[str]
    symbols: frozenset[str]
    as_of: date

    @classmethod
    def of(cls, payload: Payload) -> Self:
        """Returns the facts of a payload; its notes are none."""
        contracts = tuple(_contracts(payload))
        names = {name.lstrip("./") for each in contracts for name in (each.root, each.underlying)}
        return cls(
            figures=tuple(_figures(payload)),
            contracts=contracts,
            ids=frozenset(each.id for each in payload.candidates),
            symbols=frozenset(names | {name.lstrip("/") for name in payload.may_ask_for.underlyings}),
            as_of=date.fromisoformat(payload.situation.as_of_date),
        )

    def about(self, owners: frozenset[str]) -> Facts:
        """Returns the facts of the situation and of these candidates only."""
        return Facts(
            figures=tuple(each for each in self.figures if each.owner == COMMON or each.owner in owners),
            contracts=tuple(each for each in self.contracts if each.owner in owners),
            ids=self.ids,
            symbols=self.symbols,
            as_of=self.as_of,
        )

    def days(self) -> frozenset[date]:
        """Returns the days that may be named."""
        return frozenset({self.as_of, *(each.expiry for each in self.contracts if each.expiry is not None)})


def _contracts(payload: Payload) -> Iterator[KnownContract]:
    for candidate in payload.candidates:
        for leg in candidate.legs:
            yield _known(leg.contract, leg.action, candidate.id)


def _known(contract: ContractFacts, action: str, owner: str) -> KnownContract:
    return KnownContract(
        root=contract.root,
        underlying=contract.underlying,
        expiry=None if contract.expiry is None else date.fromisoformat(contract.expiry),
        strike=None if contract.strike is None else float(contract.strike),
        right=contract.right,
        action=action,
        owner=owner,
    )


def _figures(payload: Payload) -> Iterator[Figure]:
    yield Figure(100.0, Unit.PCT, COMMON)  # the limit itself
    yield Figure(payload.candidate_count, Unit.COUNT, COMMON)
    yield Figure(len(payload.situation.limits), Unit.COUNT, COMMON)
    yield Figure(len(payload.situation.broken_limits), Unit.COUNT, COMMON)
    yield from _walk(payload.situation, COMMON)
    for candidate in payload.candidates:
        yield from _walk(candidate, candidate.id)
        yield from _net_prices(candidate)


def _walk(part: BaseModel, owner: str) -> Iterator[Figure]:
    """Every figure of a part, and what a trader says instead of some: 31 % over, 21 delta."""
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            yield from _walk(value, owner)
        elif isinstance(value, tuple):
            yield from (each for inner in value if isinstance(inner, BaseModel) for each in _walk(inner, owner))
        if name in UNITS and name != "net_price":
            yield from (Figure(float(each), UNITS[name], owner) for each in _numbers(value))
    if isinstance(part, LimitState) and part.pct_of_limit is not None:
        yield Figure(part.pct_of_limit - 100, Unit.PCT, owner)
    if isinstance(part, LimitChange):
        yield from _said_of_change(part, owner)
    if isinstance(part, LegFacts) and part.per_unit is not None and part.per_unit.delta is not None:
        yield Figure(100 * part.per_unit.delta, Unit.PLAIN, owner)


def _numbers(value: object) -> Iterator[Number]:
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield value
    elif isinstance(value, tuple):
        yield from (each for each in value if isinstance(each, int | float))


def _said_of_change(change: LimitChange, owner: str) -> Iterator[Figure]:
    before, after = change.before_pct_of_limit, change.after_pct_of_limit
    for share in (before, after):
        if share is not None:
            yield Figure(share - 100, Unit.PCT, owner)
            yield Figure(100 - share, Unit.PCT, owner)
    if before is not None and after is not None and change.before_bound == change.after_bound:
        yield Figure(after - before, Unit.PCT, owner)


def _net_prices(candidate: CandidateFacts) -> Iterator[Figure]:
    if candidate.net_price is not None:
        sign = -1 if candidate.net_side == "credit" else 1
        yield Figure(sign * float(candidate.net_price), Unit.PRICE, candidate.id)
