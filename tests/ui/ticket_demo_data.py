"""A small SPX desk for the tests of the chain and the ticket: a skewed chain by Black-Scholes, and its answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QTimer

from analytics.black_scholes import bsm
from execution.brokers.port import ChainExpiry
from execution.chain_views import ChainNumbers, ChainSide, ChainStatic
from execution.commands import (
    Command,
    ListExpiries,
    ListUnderlyings,
    PreviewTicket,
    SendOrder,
    SimulateOrder,
    TicketDraft,
    WatchChain,
)
from execution.ticket_views import LegPreview, LimitChange, SendOutcome, SimulationOutcome, TicketPreview
from execution.views import LimitRow
from models.contract import option_contract
from models.enums import MarketDataKind, Metric, OrderStatus, Right, Settlement
from models.errors import InvalidInput
from models.expiry import days_to_expiry, settlement_instant_utc
from models.gate import Denial, DenialCode
from models.greeks import PortfolioGreeks, UnitGreeks
from models.ids import ContractKey
from models.order import Order, OrderLeg, SimulationResult
from models.product import NICKEL
from models.quote import Quote
from ui.engine_client import Done, Failed

NOW = datetime(2026, 5, 4, 18, 30, tzinfo=UTC)
SPOT = 7200.75
TICK = Decimal("0.05")
T = TypeVar("T")
Floats = NDArray[np.float64]

EXPIRIES = tuple(
    ChainExpiry("SPX", root, day, Settlement.AM if root == "SPX" else Settlement.PM)
    for day, root in sorted(
        [(date(2026, 5, d), "SPXW") for d in (4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 18, 19, 20, 21, 22, 29)]
        + [(date(2026, 5, 15), "SPX"), (date(2026, 6, 18), "SPX"), (date(2026, 6, 5), "SPXW")]
        + [(date(2026, 6, 12), "SPXW"), (date(2026, 6, 18), "SPXW"), (date(2026, 6, 30), "SPXW")]
        + [(date(2026, 7, 17), "SPX"), (date(2026, 9, 18), "SPX"), (date(2026, 12, 18), "SPX")]
    )
)
JUNE_12 = next(item for item in EXPIRIES if item.expiry == date(2026, 6, 12))


def static_of(
    expiry: ChainExpiry, *, version: int = 1, low: int = 6000, high: int = 8000, step: int = 25
) -> ChainStatic:
    """Returns the listed strikes of one expiration."""
    strikes = tuple(Decimal(k) for k in range(low, high + 1, step))
    return ChainStatic(
        expiry=expiry,
        version=version,
        strikes=strikes,
        calls=tuple(option_contract(expiry.root, expiry.expiry, Right.CALL, k) for k in strikes),
        puts=tuple(option_contract(expiry.root, expiry.expiry, Right.PUT, k) for k in strikes),
        days_to_expiry=days_to_expiry(expiry.expiry, NOW),
        expires_at_utc=settlement_instant_utc(expiry.expiry, expiry.settlement),
    )


def numbers_of(static: ChainStatic, *, spot: float = SPOT, held: dict[ContractKey, int] | None = None) -> ChainNumbers:
    """Returns figures for every strike: a put skew, spreads that widen with the price, ticks as listed."""
    seconds = (static.expires_at_utc - NOW).total_seconds()
    t_years = max(seconds, 600.0) / (365 * 86400)
    atm = 0.165
    return ChainNumbers(
        version=static.version,
        at_utc=NOW,
        spot=spot,
        expected_move=spot * atm * math.sqrt(t_years),
        atm_iv=atm,
        calls=_side(static, Right.CALL, spot, t_years, atm, held or {}),
        puts=_side(static, Right.PUT, spot, t_years, atm, held or {}),
        kinds=frozenset({MarketDataKind.SIMULATED}),
    )


def _side(
    static: ChainStatic, right: Right, spot: float, t_years: float, atm: float, held: dict[ContractKey, int]
) -> ChainSide:
    strikes = np.array([float(k) for k in static.strikes])
    money = np.log(strikes / spot) / math.sqrt(max(t_years, 0.02))
    vol = np.clip(atm - 0.16 * money + 0.12 * money**2, 0.08, 0.9)
    values = bsm(
        is_call=right is Right.CALL,
        spot=spot,
        strike=strikes,
        t_years=t_years,
        rate=0.04,
        dividend_yield=0.012,
        vol=vol,
    )
    half = np.maximum(0.05, values.price * 0.006)
    contracts = static.calls if right is Right.CALL else static.puts
    return ChainSide(
        bid=_ticks(values.price - half, ROUND_FLOOR),
        ask=_ticks(values.price + half, ROUND_CEILING),
        last=values.price,
        iv=vol,
        delta=values.delta,
        gamma=values.gamma,
        theta_per_day=values.theta_per_day,
        vega_per_point=values.vega_per_point,
        held=np.array([float(held.get(c.key, 0)) if c else math.nan for c in contracts]),
        age_s=np.full(len(strikes), 0.4),
        broker_iv=np.full(len(strikes), np.nan),
        broker_delta=np.full(len(strikes), np.nan),
        broker_age_s=np.full(len(strikes), np.nan),
        is_delayed=np.zeros(len(strikes), dtype=np.bool_),
    )


def _ticks(prices: Floats, rounding: str) -> Floats:
    up = rounding == ROUND_CEILING
    tick = np.where(prices < 3, 0.05, 0.10)
    ticked: Floats = np.maximum(
        0.0, (np.ceil(prices / tick - 1e-9) if up else np.floor(prices / tick + 1e-9)) * tick
    ).round(2)
    return ticked


def book(delta: float, gamma: float, theta: float, vega: float) -> PortfolioGreeks:
    """Returns portfolio Greeks."""
    return PortfolioGreeks(NOW, delta, gamma, theta, vega, beta_unavailable_count=0)


BEFORE = book(41.2, -1.9, 820.0, -3100.0)
BOUNDS = {
    Metric.SPX_DELTA: (-100.0, 100.0),
    Metric.GAMMA: (-3.0, None),
    Metric.THETA: (0.0, 2000.0),
    Metric.VEGA: (-4000.0, 1500.0),
}


def limits(before: PortfolioGreeks, after: PortfolioGreeks) -> tuple[LimitChange, ...]:
    """Returns each limit before and after."""
    rows = []
    for metric, name in (
        (Metric.SPX_DELTA, "spx_equiv_delta"),
        (Metric.GAMMA, "gamma"),
        (Metric.THETA, "theta"),
        (Metric.VEGA, "vega"),
    ):
        rows.append(LimitChange(_limit(metric, getattr(before, name)), _limit(metric, getattr(after, name))))
    return tuple(rows)


def _limit(metric: Metric, value: float) -> LimitRow:
    low, high = BOUNDS[metric]
    bound = high if value >= 0 else low
    used = None if bound in (None, 0) else value / bound
    return LimitRow(metric, value, low, high, used, used is not None and used > 1)


class DemoMarket:
    """Quotes and Greeks of every contract of an expiration, for previews."""

    def __init__(self, static: ChainStatic, numbers: ChainNumbers) -> None:
        self.static = static
        self.numbers = numbers

    def leg(self, leg: OrderLeg) -> LegPreview:
        """Returns a leg with its market; unknown contracts have none."""
        contract = leg.contract
        side, contracts = (
            (self.numbers.calls, self.static.calls)
            if contract.right is Right.CALL
            else (self.numbers.puts, self.static.puts)
        )
        if contract not in contracts:
            return LegPreview(None, None, None)
        row = contracts.index(contract)
        bid, ask = (Decimal(str(round(float(a[row]), 2))) for a in (side.bid, side.ask))
        quote = Quote(contract.key, bid, ask, bid, NOW, MarketDataKind.SIMULATED)
        greeks = UnitGreeks(
            float((bid + ask) / 2),
            float(side.iv[row]),
            float(side.delta[row]),
            float(side.gamma[row]),
            float(side.theta_per_day[row]),
            float(side.vega_per_point[row]),
        )
        return LegPreview(quote, greeks, 0.4)


def preview_of(draft: TicketDraft, market: DemoMarket, *, name: str = "Iron condor") -> TicketPreview:
    """Returns a preview of a draft: prices from the chain, payoff at expiry by intrinsic value."""
    legs = tuple(market.leg(leg) for leg in draft.legs)
    count = math.gcd(*(leg.quantity for leg in draft.legs)) if draft.legs else 0
    mid, natural, opposite = (_net(draft, legs, count, kind) for kind in ("mid", "natural", "opposite"))
    suggested = None if mid is None else NICKEL.snap(mid)
    spots = np.linspace(SPOT * 0.88, SPOT * 1.12, 241)
    cost = float(suggested or 0) * 100 * count
    expiry = sum((_intrinsic(leg, spots) for leg in draft.legs), np.zeros_like(spots)) - cost
    today = sum((_value(leg, market, spots) for leg in draft.legs), np.zeros_like(spots)) - cost
    trade = _trade_greeks(draft, legs)
    after = _add(BEFORE, trade)
    known = mid is not None
    return TicketPreview(
        order_id=draft.order_id,
        problems=(),
        strategy_name=name if draft.legs else "",
        strategy_tag="iron_condor",
        packages=count,
        net_mid=mid,
        net_natural=natural,
        net_opposite=opposite,
        tick=NICKEL,
        suggested_limit=suggested,
        legs=legs,
        max_profit=Decimal(round(float(expiry.max()))) if known else None,
        max_profit_unlimited=False,
        max_loss=Decimal(round(float(-expiry.min()))) if known else None,
        max_loss_unlimited=False,
        breakevens=_crossings(spots, expiry) if known else (),
        probability_of_profit=0.684 if known else None,
        trade_greeks=trade,
        before=BEFORE,
        after=after,
        limits=limits(BEFORE, after),
        binding=Metric.VEGA,
        largest_packages_that_fit=3,
        payoff_spots=spots if known else None,
        payoff_at_expiry=expiry if known else None,
        payoff_today=today if known else None,
        spot=SPOT,
    )


def _net(draft: TicketDraft, legs: tuple[LegPreview, ...], count: int, kind: str) -> Decimal | None:
    total = Decimal(0)
    for leg, shown in zip(draft.legs, legs, strict=True):
        if shown.quote is None or shown.quote.bid is None or shown.quote.ask is None:
            return None
        buys = leg.action.sign > 0
        worse, better = (shown.quote.ask, shown.quote.bid) if buys else (shown.quote.bid, shown.quote.ask)
        price = {"mid": (worse + better) / 2, "natural": worse, "opposite": better}[kind]
        total += leg.action.sign * price * leg.quantity / count
    return total if draft.legs else None


def _intrinsic(leg: OrderLeg, spots: Floats) -> Floats:
    strike = float(leg.contract.strike or 0)
    call = leg.contract.right is Right.CALL
    return leg.signed_quantity * 100 * np.maximum(0.0, (spots - strike) if call else (strike - spots))


def _value(leg: OrderLeg, market: DemoMarket, spots: Floats) -> Floats:
    shown = market.leg(leg)
    vol = 0.165 if shown.greeks is None or shown.greeks.vol is None else shown.greeks.vol
    t_years = (market.static.expires_at_utc - NOW).total_seconds() / (365 * 86400)
    price: Floats = bsm(
        is_call=leg.contract.right is Right.CALL,
        spot=spots,
        strike=float(leg.contract.strike or 0),
        t_years=t_years,
        rate=0.04,
        dividend_yield=0.012,
        vol=vol,
    ).price
    return leg.signed_quantity * 100 * price


def _crossings(spots: Floats, values: Floats) -> tuple[float, ...]:
    at = np.flatnonzero(np.sign(values[:-1]) != np.sign(values[1:]))
    return tuple(float(spots[i] - values[i] * (spots[i + 1] - spots[i]) / (values[i + 1] - values[i])) for i in at)


def _trade_greeks(draft: TicketDraft, legs: tuple[LegPreview, ...]) -> PortfolioGreeks:
    sums = [0.0, 0.0, 0.0, 0.0]
    for leg, shown in zip(draft.legs, legs, strict=True):
        if shown.greeks is not None:
            per = (shown.greeks.delta, shown.greeks.gamma, shown.greeks.theta_per_day, shown.greeks.vega_per_point)
            sums = [total + leg.signed_quantity * 100 * unit for total, unit in zip(sums, per, strict=True)]
    return book(*sums)


def _add(first: PortfolioGreeks, second: PortfolioGreeks) -> PortfolioGreeks:
    return book(
        first.spx_equiv_delta + second.spx_equiv_delta,
        first.gamma + second.gamma,
        first.theta + second.theta,
        first.vega + second.vega,
    )


def simulated(draft: TicketDraft, preview: TicketPreview, at: datetime, *, margin: bool = True) -> SimulationOutcome:
    """Returns a successful what-if; `margin` False is a broker that did not say."""
    assert preview.after is not None
    change = Decimal(4630) if margin else None

    def after(now: int) -> Decimal | None:
        return None if change is None else Decimal(now) + change

    order = Order(
        id=draft.order_id,
        account_id=draft.account_id,
        legs=draft.legs,
        order_type=draft.order_type,
        limit_price=draft.limit_price,
        tif=draft.tif,
        status=OrderStatus.SIMULATED,
        created_at=at,
    )
    result = SimulationResult(
        initial_margin_current=Decimal(184_320) if margin else None,
        initial_margin_change=change,
        initial_margin_after=after(184_320),
        maintenance_margin_current=Decimal(171_900) if margin else None,
        maintenance_margin_change=change,
        maintenance_margin_after=after(171_900),
        equity_change=None,
        buying_power_after=Decimal(296_590) if margin else None,
        fees=Decimal("5.24") if margin else None,
        current_greeks=BEFORE,
        projected_greeks=preview.after,
        simulated_at=at,
        fingerprint=order.fingerprint,
        position_version=7,
    )
    return SimulationOutcome(
        order=replace(order, simulation_result=result),
        problems=(),
        failure=None,
        limits=preview.limits,
        warnings=(Denial(DenialCode.LIMIT_BREACH, "Vega after the trade is 92 % of its MEDIUM_VOL limit."),),
    )


def later(seconds: float) -> datetime:
    """Returns a time after NOW."""
    return NOW + timedelta(seconds=seconds)


class DemoClient:
    """An engine that answers on the next turn of the event loop, or when a test lets it (`hold`)."""

    def __init__(self, expiry: ChainExpiry = JUNE_12) -> None:
        static = static_of(expiry)
        self.market = DemoMarket(static, numbers_of(static))
        self.asked: list[Command] = []
        self.now_utc = NOW
        self.margin = True
        #: What every command is answered with while it is set.
        self.refuse: Exception | None = None
        self.hold: set[type] = set()
        self.held: list[Callable[[], None]] = []
        self.send_outcome: Callable[[TicketDraft], SendOutcome | Exception] = self.accepted
        self.simulate_outcome: Callable[[TicketDraft], SimulationOutcome | Exception] = self._simulated
        self.preview_change: Callable[[TicketPreview], TicketPreview] = lambda preview: preview

    def ask(self, command: Command, done: Done, failed: Failed) -> None:
        """Takes a command."""
        self.asked.append(command)

        def answer() -> None:
            result = self.refuse or self._answer(command)
            if isinstance(result, Exception):
                failed(result)
            else:
                done(result)

        if type(command) in self.hold:
            self.held.append(answer)
        else:
            QTimer.singleShot(0, answer)

    def of(self, kind: type[T]) -> list[T]:
        """Returns the commands of one type so far."""
        return [command for command in self.asked if isinstance(command, kind)]

    def release(self) -> None:
        """Answers everything that was held, in order."""
        held, self.held = self.held, []
        for answer in held:
            answer()

    def accepted(self, draft: TicketDraft, status: OrderStatus = OrderStatus.PENDING) -> SendOutcome:
        """Returns an acceptance."""
        order = self._simulated(draft).order
        assert order is not None
        return SendOutcome(True, order.to(OrderStatus.PENDING).to(status), (), (), None)

    def _simulated(self, draft: TicketDraft) -> SimulationOutcome:
        return simulated(draft, preview_of(draft, self.market), self.now_utc, margin=self.margin)

    def _answer(self, command: Command) -> object:
        match command:
            case ListUnderlyings() | ListExpiries() | WatchChain():
                return _listed(command)
            case PreviewTicket():
                return self.preview_change(preview_of(command.draft, self.market))
            case SimulateOrder():
                return self.simulate_outcome(command.draft)
            case SendOrder():
                return self.send_outcome(command.draft)
        raise AssertionError(f"the panels have no business asking {command}")


def _listed(command: ListUnderlyings | ListExpiries | WatchChain) -> object:
    match command:
        case ListUnderlyings():
            return ("SPX", "SPY", "QQQ")
        case ListExpiries():
            unknown = InvalidInput("underlying", f"{command.underlying} is not known here.", cure="Try SPX.")
            return EXPIRIES if command.underlying == "SPX" else unknown
        case WatchChain():
            return None if command.expiry is None else static_of(command.expiry)
