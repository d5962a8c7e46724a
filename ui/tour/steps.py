"""The steps of the tour, each a fact for tour.json; a step that does not come out as it must raises TourFailed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from execution import commands
from execution.brokers.port import ChainExpiry
from execution.chain_views import ChainNumbers, ChainSide, ChainStatic
from execution.ticket_views import LegPreview, SendOutcome, SimulationOutcome, TicketPreview
from execution.views import (
    AccountsState,
    BookNumbers,
    BookStructure,
    BreachesState,
    DeskState,
    LimitRow,
    MarketState,
    OrdersState,
    Phase,
    RiskState,
    ScenarioState,
)
from models.contract import Contract
from models.enums import Action, Metric, OrderStatus, OrderType, Regime, TimeInForce
from models.expiry import days_to_expiry
from models.ids import OrderId, new_order_id
from models.order import Order, OrderLeg
from ui.tour.analyses import analysis_facts
from ui.tour.facts import greeks_facts, order_facts, plain, position_facts
from ui.tour.stage import Stage, TourFailed

if TYPE_CHECKING:
    from ui.panels.option_chain import OptionChainPanel
    from ui.panels.order_ticket import OrderTicketPanel

_SHORT_DELTA, _WING_DELTA = 0.16, 0.08
_LEAST_DAYS, _MOST_DAYS = 30, 45
_PACKAGES = 2
_FRESH_S = 2.0
_CHAIN_TRIES, _CHAIN_PAUSE_S = 24, 0.8
#: Where the wanted deltas lie, in expected moves from the money; strikes looked at on either side.
_MOVES = (1.1, -1.1, 1.6, -1.6, 0.9, -0.9, 1.9, -1.9)
_WINDOW = 8


class Tour:
    """Runs the steps in order and keeps what they found."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.facts: dict[str, Any] = {}
        self._legs: tuple[OrderLeg, ...] = ()
        self._draft: commands.TicketDraft | None = None

    # --- the book -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Waits until the desk has reconciled and every figure of the dashboard is there."""
        stage = self._stage
        stage.wait(lambda: _phase(stage) in (Phase.READY, Phase.FAILED), within_s=60, what="the desk to be ready")
        desk = stage.newest(DeskState)
        if desk.phase is not Phase.READY:
            raise TourFailed(f"The desk did not start: {desk.problem}")
        for kind in (MarketState, AccountsState, BookStructure, RiskState, ScenarioState):
            stage.newest(kind)
        stage.wait(self._book_is_valued, within_s=20, what="every position to be valued")
        stage.wait(lambda: stage.newest(MarketState).spx_price is not None, within_s=20, what="a price of SPX")
        market = stage.newest(MarketState)
        self.facts |= {
            "market": desk.market_label,
            "mode": desk.mode.value,
            "started_at": plain(market.at_utc),
            "spx": plain(market.spx_price),
            "vix": plain(market.vix),
            "regime": None if market.regime is None else market.regime.regime.value,
            "accounts": plain(stage.newest(AccountsState).values),
        }

    def _book_is_valued(self) -> bool:
        risk, numbers = self._stage.bridge.newest(RiskState), self._stage.bridge.newest(BookNumbers)
        structure = self._stage.bridge.newest(BookStructure)
        if risk is None or numbers is None or structure is None or not structure.rows:
            return False
        is_known = bool(np.isfinite(numbers.mark).all() and np.isfinite(numbers.raw_delta).all())
        return is_known and not risk.excluded and numbers.version == structure.version

    def load_positions(self) -> None:
        """Notes each position with its strategy and Greeks."""
        stage = self._stage
        self.facts["positions"] = position_facts(stage.newest(BookStructure), stage.newest(BookNumbers))
        # The first point of the charts; the one after the fill is the second.
        stage.ask(commands.TakeSnapshot())

    def portfolio_greeks(self) -> None:
        """Notes the book's Greeks against the limits of the regime."""
        risk = self._stage.newest(RiskState)
        self.facts["portfolio_greeks_before"] = greeks_facts(risk.greeks)
        self.facts["limits"] = plain(risk.limits)

    # --- the iron condor ----------------------------------------------------------------------------------------------

    def build_condor(self) -> None:
        """Picks a 4-leg SPXW iron condor, 30-45 days out, near 16 and 8 delta."""
        expiry = self._pick_expiry()
        static, numbers = self._whole_chain(expiry)
        self._legs = condor(static, numbers, _PACKAGES)
        self.facts["chain"] = {
            "expiry": plain(expiry.expiry),
            "root": expiry.root,
            "settlement": expiry.settlement.value,
            "days_to_expiry": static.days_to_expiry,
            "strikes": len(static.strikes),
            "expected_move": plain(numbers.expected_move),
            "atm_iv": plain(numbers.atm_iv),
        }

    def _pick_expiry(self) -> ChainExpiry:
        now_utc = self._stage.newest(MarketState).at_utc
        listed: tuple[ChainExpiry, ...] = self._stage.ask(commands.ListExpiries("SPX"))
        fitting = [
            one
            for one in listed
            if one.root == "SPXW" and _LEAST_DAYS <= days_to_expiry(one.expiry, now_utc) <= _MOST_DAYS
        ]
        if not fitting:
            raise TourFailed(
                f"The market lists no SPXW expiry {_LEAST_DAYS} to {_MOST_DAYS} days out.",
                cure="Give a chain of SPX with --market, or none for the synthetic market.",
            )
        return fitting[0]

    def _whole_chain(self, expiry: ChainExpiry) -> tuple[ChainStatic, ChainNumbers]:
        """Asks for strikes around the money, then around the wanted deltas: a broker quotes no whole chain at once.

        The chain panel shows the expiry too.
        """
        stage = self._stage
        cast("OptionChainPanel", stage.window.reveal("option_chain")).show_expiry(expiry)
        for number in range(_CHAIN_TRIES):
            static: ChainStatic = stage.ask(commands.WatchChain(expiry))
            stage.rest(_CHAIN_PAUSE_S)
            numbers = stage.bridge.newest(ChainNumbers)
            if numbers is None or numbers.version != static.version:
                continue
            if _deltas_known(numbers):
                return static, numbers
            window = _window(static, numbers, _MOVES[number % len(_MOVES)])
            if window is not None:
                stage.ask(commands.WatchChain(expiry, *window))
                stage.rest(_CHAIN_PAUSE_S)
        raise TourFailed(f"The chain of {expiry.root} {expiry.expiry} was not quoted.")

    def preview(self) -> None:
        """Stages the legs in the ticket panel and notes what the preview says of them."""
        stage = self._stage
        ticket = cast("OrderTicketPanel", stage.window.reveal("order_ticket"))
        ticket.load_legs(self._legs, "Tour: sell premium 30-45 days out, 16 delta shorts with 8 delta wings.")
        draft = self._new_draft(self._legs, None)
        self._preview_until_priced(draft)
        seen = self._preview_until_priced(draft)
        if seen.strategy_tag != "iron_condor":
            raise TourFailed(f"The legs were recognised as {seen.strategy_name!r}, not as an iron condor.")
        # Halfway from mid to natural: a price that a patient seller gets filled at.
        price = None if seen.tick is None else seen.tick.snap(_between(seen))
        self._draft = replace(draft, limit_price=price)
        self.facts["ticket"] = {
            "strategy": seen.strategy_name,
            "legs": [{"contract": str(leg.contract.key), "action": leg.action.value} for leg in self._legs],
            "leg_deltas": [None if one.greeks is None else one.greeks.delta for one in seen.legs],
            "net_mid": plain(seen.net_mid),
            "net_natural": plain(seen.net_natural),
            "limit_price": plain(price),
            "max_profit": plain(seen.max_profit),
            "max_loss": plain(seen.max_loss),
            "breakevens": plain(seen.breakevens),
            "probability_of_profit": plain(seen.probability_of_profit),
            "largest_packages_that_fit": seen.largest_packages_that_fit,
            "binding_limit": None if seen.binding is None else seen.binding.value,
        }

    def _new_draft(self, legs: tuple[OrderLeg, ...], price: Decimal | None) -> commands.TicketDraft:
        account = self._stage.newest(AccountsState).accounts[0]
        return commands.TicketDraft(
            order_id=new_order_id(),
            account_id=account.account_id,
            legs=legs,
            order_type=OrderType.LIMIT,
            limit_price=price,
            tif=TimeInForce.DAY,
            rationale="Tour: sell premium 30-45 days out, 16 delta shorts with 8 delta wings.",
        )

    def _preview_until_priced(self, draft: commands.TicketDraft) -> TicketPreview:
        seen: list[TicketPreview] = []

        def priced() -> bool:
            self._stage.client.ask(commands.PreviewTicket(draft), seen.append, _nothing)
            return bool(seen) and seen[-1].net_mid is not None and all(_is_fresh(leg) for leg in seen[-1].legs)

        self._stage.wait(priced, within_s=15, what="two-sided quotes of every leg")
        return seen[-1]

    def send_unsimulated(self) -> None:
        """Tries to send without a simulation; the gate must deny it by name."""
        outcome: SendOutcome = self._stage.ask(commands.SendOrder(self._order_draft()))
        codes = [denial.code.value for denial in outcome.denials]
        if outcome.accepted or "NOT_SIMULATED" not in codes:
            raise TourFailed(f"An order that was never simulated was not denied for it: {codes}")
        self.facts["denial"] = plain(outcome.denials)

    def simulate(self) -> None:
        """Runs the broker's what-if; margin and Greeks before and after."""
        outcome: SimulationOutcome = self._stage.ask(commands.SimulateOrder(self._order_draft()))
        if outcome.order is None or outcome.order.simulation_result is None:
            raise TourFailed(f"The simulation failed: {outcome.failure or plain(outcome.problems)}")
        self.facts["simulation"] = plain(outcome.order.simulation_result)
        self.facts["simulation_limits"] = plain(outcome.limits)

    def send(self) -> None:
        """Sends the simulated order and waits for a part, then for the whole of it."""
        stage, draft = self._stage, self._order_draft()
        self._send(draft)
        stage.wait(
            lambda: any(
                one.order.id == draft.order_id and 0 < one.order.filled_packages < _PACKAGES
                for one in stage.notices.orders
            ),
            within_s=30,
            what="a partial fill",
        )
        order = self._wait_for(draft.order_id, OrderStatus.FILLED)
        self.facts["order"] = order_facts(order)

    def _send(self, draft: commands.TicketDraft) -> None:
        outcome: SendOutcome = self._stage.ask(commands.SendOrder(draft))
        if not outcome.accepted:
            raise TourFailed(f"The order was not accepted: {outcome.failure or plain(outcome.denials)}")

    def _wait_for(self, order_id: OrderId, status: OrderStatus) -> Order:
        stage = self._stage
        stage.wait(lambda: self._status(order_id) is status, within_s=40, what=f"the order to be {status.value}")
        found = self._order(order_id)
        if found is None:
            raise TourFailed(f"Order {order_id} is not in the list of orders.")
        return found

    def _order(self, order_id: OrderId) -> Order | None:
        state = self._stage.bridge.newest(OrdersState)
        return None if state is None else next((one for one in state.orders if one.id == order_id), None)

    def _status(self, order_id: OrderId) -> OrderStatus | None:
        found = self._order(order_id)
        return None if found is None else found.status

    def greeks_after(self) -> None:
        """Notes the book's Greeks with the condor in it."""
        self._stage.rest(0.6)
        self.facts["portfolio_greeks_after"] = greeks_facts(self._stage.newest(RiskState).greeks)

    # --- record, cancel, breach ---------------------------------------------------------------------------------------

    def snapshot(self) -> None:
        """Takes account snapshots on demand."""
        ids = self._stage.ask(commands.TakeSnapshot())
        if not ids:
            raise TourFailed("No snapshot was written.")
        self.facts["snapshot_id"] = ids[0]

    def work_and_cancel(self) -> None:
        """Sends a second order that cannot fill, sees it working, cancels it."""
        stage = self._stage
        vertical = tuple(replace(leg, quantity=1) for leg in self._legs[:2])
        draft = self._new_draft(vertical, None)
        seen = self._preview_until_priced(draft)
        if seen.net_opposite is None or seen.tick is None:
            raise TourFailed("The second order has no market.")
        # The best side of the market: it may rest there, and does not fill at once.
        draft = replace(draft, limit_price=seen.tick.snap(seen.net_opposite))
        simulated: SimulationOutcome = stage.ask(commands.SimulateOrder(draft))
        if simulated.order is None:
            raise TourFailed(f"The second order could not be simulated: {plain(simulated.problems)}")
        self._send(draft)
        self._wait_for(draft.order_id, OrderStatus.PENDING)
        self.facts["working_order"] = order_facts(self._wait_for(draft.order_id, OrderStatus.PENDING))
        stage.picture(stage.window.reveal("working_orders"), "working_orders_working")
        stage.ask(commands.CancelOrder(draft.order_id))
        self.facts["cancelled_order"] = order_facts(self._wait_for(draft.order_id, OrderStatus.CANCELLED))

    def provoke_breach(self) -> None:
        """Tightens the vega limit of the present regime to half of what the book holds."""
        stage = self._stage
        market, risk = stage.newest(MarketState), stage.newest(RiskState)
        if market.regime is None:
            raise TourFailed("The regime is unknown, so no limit holds.")
        row = next(one for one in risk.limits if one.metric is Metric.VEGA)
        command = tightened(row, market.regime.regime)
        stage.ask(command)
        stage.wait(lambda: bool(self._open_breaches()), within_s=15, what="a breach of the tightened limit")
        stage.ask(commands.TakeSnapshot())
        self.facts["tightened_limit"] = plain(command)
        self.facts["breach"] = plain(self._open_breaches()[0])

    def analyse(self) -> None:
        """Shows each page of the risk analysis and notes what it says."""
        self.facts["analysis"] = analysis_facts(self._stage)

    def _open_breaches(self) -> tuple[Any, ...]:
        state = self._stage.bridge.newest(BreachesState)
        return () if state is None else state.open

    def _order_draft(self) -> commands.TicketDraft:
        if self._draft is None:
            raise TourFailed("There is no ticket.")
        return self._draft


def steps(tour: Tour) -> tuple[Callable[[], None], ...]:
    """Returns the steps in order."""
    return (
        tour.start,
        tour.load_positions,
        tour.portfolio_greeks,
        tour.build_condor,
        tour.preview,
        tour.send_unsimulated,
        tour.simulate,
        tour.send,
        tour.greeks_after,
        tour.snapshot,
        tour.work_and_cancel,
        tour.analyse,
        tour.provoke_breach,
    )


def _is_fresh(leg: LegPreview) -> bool:
    return leg.quote_age_s is not None and leg.quote_age_s < _FRESH_S


def _window(static: ChainStatic, numbers: ChainNumbers, moves: float) -> tuple[Decimal, Decimal] | None:
    """Returns the strikes around a number of expected moves from the money; None while that is not known."""
    if numbers.spot is None or numbers.expected_move is None:
        return None
    middle = int(np.searchsorted(np.array(static.strikes, float), numbers.spot + moves * numbers.expected_move))
    last = len(static.strikes) - 1
    return static.strikes[min(max(middle - _WINDOW, 0), last)], static.strikes[max(min(middle + _WINDOW, last), 0)]


def _deltas_known(numbers: ChainNumbers) -> bool:
    return all(
        np.nanmin(np.abs(np.abs(side.delta) - wanted), initial=1.0) < 0.03
        for side in (numbers.calls, numbers.puts)
        for wanted in (_SHORT_DELTA, _WING_DELTA)
    )


def condor(static: ChainStatic, numbers: ChainNumbers, packages: int) -> tuple[OrderLeg, ...]:
    """Returns the legs of a short iron condor near the wanted deltas; raises TourFailed when strikes are missing."""
    wanted = (
        (static.puts, numbers.puts, -_WING_DELTA, Action.BUY),
        (static.puts, numbers.puts, -_SHORT_DELTA, Action.SELL),
        (static.calls, numbers.calls, _SHORT_DELTA, Action.SELL),
        (static.calls, numbers.calls, _WING_DELTA, Action.BUY),
    )
    return tuple(
        OrderLeg(_nearest(contracts, side, delta), action, packages) for contracts, side, delta, action in wanted
    )


def _nearest(contracts: tuple[Contract | None, ...], side: ChainSide, delta: float) -> Contract:
    usable = np.array([one is not None for one in contracts]) & np.isfinite(side.delta) & (side.bid > 0)
    distance = np.where(usable, np.abs(side.delta - delta), np.inf)
    found = contracts[int(np.argmin(distance))]
    if found is None or not np.isfinite(distance.min()):
        raise TourFailed(f"No listed contract near {delta:+.2f} delta has a quote.")
    return found


def tightened(row: LimitRow, regime: Regime) -> commands.SetLimit:
    """Returns a limit that half of the present value breaks already."""
    value = row.value or 0.0
    if value < 0:
        return commands.SetLimit(regime, row.metric, value / 2, row.high)
    return commands.SetLimit(regime, row.metric, row.low, value / 2)


def _between(seen: TicketPreview) -> Decimal:
    if seen.net_mid is None or seen.net_natural is None:
        raise TourFailed("The ticket has no two-sided market.")
    return (seen.net_mid + seen.net_natural) / 2


def _phase(stage: Stage) -> Phase | None:
    state = stage.bridge.newest(DeskState)
    return None if state is None else state.phase


def _nothing(_answer: object) -> None:
    """Takes an answer nobody waits for."""
