"""The ticket as it is being built: prices, payoff, Greeks and limits before and after, problems with the input."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

import numpy as np

from analytics.book import BookArrays, Model
from analytics.exercise import option_first_order
from analytics.inside_quote import without_time_value
from analytics.legs import PayoffLeg
from analytics.payoff import PayoffProfile, common_expiry
from analytics.strategy import Recognised
from execution.commands import TicketDraft
from execution.market.carry import CarryBook
from execution.market.data import MarketData
from execution.market.model_greeks import age_s_if_good
from execution.orders.package import net_mid, net_natural, net_price, packages_of, price_multiplier
from execution.payoff_legs import payoff_legs
from execution.risk.columns import Holding
from execution.risk.limits import binding_metric, limit_changes, limit_rows, metric_values, values_after
from execution.risk.live_book import LiveBook
from execution.ticket_views import LegPreview, LimitChange, Problem, TicketPreview
from execution.tickets.pricing import LegMarket, PackageValues, probability_of_profit
from execution.views import FloatArray
from models.clock import Clock, epoch_s
from models.enums import Action, MarketDataKind, Metric
from models.greeks import PortfolioGreeks, UnitGreeks
from models.ids import ContractKey
from models.order import OrderLeg
from models.product import TickRule
from models.quote import Quote
from models.risk import Limit

_PAYOFF_POINTS = 121
_PAYOFF_RANGE = 0.12
#: Never good enough to send on, whatever the broker (`execution.orders.checks_market.quote_not_live`).
_NOT_LIVE = (MarketDataKind.DELAYED, MarketDataKind.FROZEN)


@dataclass(frozen=True, slots=True)
class _Markets:
    """The legs' market: quotes by contract, and what each leg's book row says."""

    quotes: dict[ContractKey, Quote]
    greeks: tuple[UnitGreeks | None, ...]
    legs: tuple[LegMarket, ...]
    #: Why a leg has no Greeks, empty where it has.
    lacks: tuple[str, ...]


class TicketDesk:
    """Computes previews from the live book; holds nothing of its own. Engine thread only."""

    def __init__(
        self,
        *,
        book: LiveBook,
        market: MarketData,
        carry: CarryBook,
        clock: Clock,
        recognise: Callable[[Sequence[PayoffLeg]], Recognised],
    ) -> None:
        self._book = book
        self._market = market
        self._carry = carry
        self._clock = clock
        self._recognise = recognise

    def preview(
        self,
        draft: TicketDraft,
        *,
        problems: tuple[Problem, ...],
        tick: TickRule | None,
        limits: Sequence[Limit],
        margin_used_pct: float | None,
        max_packages: int,
    ) -> TicketPreview:
        """Returns what the draft would do; a part that cannot be known is None."""
        self._book.refresh()
        legs = draft.legs
        spot = self._market.price(legs[0].contract.underlying) if legs else math.nan
        markets = self._markets(legs)
        mid = net_mid(legs, markets.quotes)
        price = draft.limit_price if draft.limit_price is not None else mid
        values = PackageValues(payoff_legs(legs), markets.legs)
        recognised = self._recognise(values.legs) if legs else None
        cost = None if price is None else float(price * price_multiplier(legs)) * packages_of(legs)
        profile = None if cost is None or not legs else values.profile(cost)
        before, after, trade = self._greeks(legs)
        changes = self._limit_changes(before, after, limits, margin_used_pct)
        curve = self._payoff_curve(values, cost, spot)
        return TicketPreview(
            order_id=draft.order_id,
            problems=(
                *problems,
                *_legs_without_greeks(markets.lacks, problems),
                *_not_live(legs, markets.quotes),
            ),
            strategy_name="" if recognised is None else recognised.name,
            strategy_tag="" if recognised is None else recognised.tag,
            packages=packages_of(legs),
            net_mid=mid,
            net_natural=net_natural(legs, markets.quotes),
            net_opposite=_net_opposite(legs, markets.quotes),
            tick=tick,
            suggested_limit=_suggested(mid, tick),
            legs=tuple(
                self._leg_preview(leg.contract.key, markets.quotes.get(leg.contract.key), greeks)
                for leg, greeks in zip(legs, markets.greeks, strict=True)
            ),
            max_profit=None if profile is None else _money(profile.max_profit.dollars),
            max_profit_unlimited=profile is not None and profile.max_profit.is_unbounded,
            max_loss=None if profile is None else _money(profile.max_loss.dollars),
            max_loss_unlimited=profile is not None and profile.max_loss.is_unbounded,
            breakevens=() if profile is None else profile.breakevens,
            probability_of_profit=self._pop(profile, values, spot),
            trade_greeks=trade,
            before=before,
            after=after,
            limits=changes,
            binding=binding_metric(changes),
            largest_packages_that_fit=largest_that_fits(changes, packages_of(legs), max_packages),
            payoff_spots=None if curve is None else curve[0],
            payoff_at_expiry=None if curve is None else curve[1],
            payoff_today=None if curve is None else curve[2],
            spot=None if math.isnan(spot) else spot,
        )

    def _leg_preview(self, key: ContractKey, quote: Quote | None, greeks: UnitGreeks | None) -> LegPreview:
        told = self._market.model_greeks(key)
        age_s = None if told is None else age_s_if_good(told, self._clock.now_utc())
        return LegPreview(quote, greeks, self._market.age_s(key), None if age_s is None else told, age_s)

    def max_loss_usd(self, legs: tuple[OrderLeg, ...], limit_price: Decimal | None) -> Decimal | None:
        """Returns the package's greatest loss in dollars; None when unlimited or unknown."""
        markets = self._markets(legs)
        price = limit_price if limit_price is not None else net_natural(legs, markets.quotes)
        if price is None or not legs:
            return None
        values = PackageValues(payoff_legs(legs), markets.legs)
        profile = values.profile(float(price * price_multiplier(legs)) * packages_of(legs))
        if profile is None or profile.max_loss.dollars is None:
            return None
        return max(_money(profile.max_loss.dollars) or Decimal(0), Decimal(0))

    def limit_changes(
        self,
        legs: tuple[OrderLeg, ...],
        limits: Sequence[Limit],
        margin_before: float | None,
        margin_after: float | None,
    ) -> tuple[LimitChange, ...]:
        """Returns every limit before and after the trade, margin as the broker's what-if gave it."""
        before, after, _ = self._greeks(legs)
        return limit_changes(
            limit_rows(limits, metric_values(before, margin_before)),
            limit_rows(limits, values_after(before, after, margin_after)),
        )

    def _greeks(self, legs: Sequence[OrderLeg]) -> tuple[PortfolioGreeks, PortfolioGreeks, PortfolioGreeks]:
        spx = self._market.price("SPX")
        before = self._book.portfolio_greeks(spx)
        after = self._book.portfolio_greeks(spx, extra_legs=legs) if legs else before
        trade = PortfolioGreeks(
            timestamp=after.timestamp,
            spx_equiv_delta=after.spx_equiv_delta - before.spx_equiv_delta,
            gamma=after.gamma - before.gamma,
            theta=after.theta - before.theta,
            vega=after.vega - before.vega,
            beta_unavailable_count=after.beta_unavailable_count - before.beta_unavailable_count,
            excluded_count=after.excluded_count - before.excluded_count,
        )
        return before, after, trade

    @staticmethod
    def _limit_changes(
        before: PortfolioGreeks, after: PortfolioGreeks, limits: Sequence[Limit], margin_used_pct: float | None
    ) -> tuple[LimitChange, ...]:
        return limit_changes(
            limit_rows(limits, metric_values(before, margin_used_pct)),
            # The margin after the trade is the broker's to say: unknown until it was simulated.
            limit_rows(limits, values_after(before, after, None)),
        )

    def _markets(self, legs: Sequence[OrderLeg]) -> _Markets:
        quotes = {
            leg.contract.key: quote for leg in legs if (quote := self._market.quote(leg.contract.key)) is not None
        }
        if not legs:
            return _Markets(quotes, (), (), ())
        book = self._book.with_holdings([Holding(leg.contract, Decimal(leg.signed_quantity)) for leg in legs])
        first = len(book) - len(legs)
        carried = [self._carry.carry(leg.contract.underlying, leg.contract.expiry) for leg in legs]
        vols = [float(book.vol[first + index]) for index in range(len(legs))]
        return _Markets(
            quotes=quotes,
            greeks=_unit_greeks(book, first, epoch_s(self._clock.now_utc())),
            legs=tuple(LegMarket(vol, one.rate, one.dividend_yield) for vol, one in zip(vols, carried, strict=True)),
            lacks=tuple(_lack(book, row) for row in range(first, len(book))),
        )

    def _pop(self, profile: PayoffProfile | None, values: PackageValues, spot: float) -> float | None:
        if profile is None:
            return None
        return probability_of_profit(profile, values.legs, values.markets, spot, epoch_s(self._clock.now_utc()))

    def _payoff_curve(
        self, values: PackageValues, cost: float | None, spot: float
    ) -> tuple[FloatArray, FloatArray, FloatArray] | None:
        legs = values.legs
        if cost is None or not legs or math.isnan(spot):
            return None
        strikes = [leg.strike for leg in legs if leg.is_option] or [spot]
        low, high = min(*strikes, spot) * (1 - _PAYOFF_RANGE / 2), max(*strikes, spot) * (1 + _PAYOFF_RANGE / 2)
        spots = np.union1d(np.linspace(low, high, _PAYOFF_POINTS), np.array(strikes, dtype=np.float64))
        now = epoch_s(self._clock.now_utc())
        first = common_expiry(legs)
        return spots, values.pnl(spots, now if first is None else first, cost), values.pnl(spots, now, cost)


def largest_that_fits(changes: Sequence[LimitChange], packages: int, cap: int) -> int | None:
    """Returns how many packages fit inside every Greek limit, at most `cap`; None without limits, packages or Greeks.

    Greeks grow linearly with the size. A limit that is broken already admits what lessens the breach.
    """
    if packages == 0 or not changes:
        return None
    fit = cap
    for change in changes:
        if change.before.metric is Metric.MARGIN_USED_PCT or change.before.value is None:
            continue
        if change.after.value is None:
            return None
        step = (change.after.value - change.before.value) / packages
        bound = change.before.high if step > 0 else change.before.low
        if bound is None or step == 0:
            continue
        fit = min(fit, max(math.floor((bound - change.before.value) / step + 1e-9), 0))
    return fit


def _unit_greeks(book: BookArrays, first: int, now_epoch_s: float) -> tuple[UnitGreeks | None, ...]:
    """Per-unit Greeks of the rows from `first` on; None for an option without a vol or an underlying without price."""
    rows = np.arange(first, len(book))
    values = option_first_order(
        spot=book.spot[book.underlying[rows]],
        strike=np.where(book.model[rows] == Model.LINEAR, 1.0, book.strike[rows]),
        t_years=np.where(book.model[rows] == Model.LINEAR, 0.0, book.t_years(now_epoch_s, rows)),
        rate=book.rate[rows],
        dividend_yield=book.carry_yield(rows),
        vol=book.vol[rows],
        is_call=book.is_call[rows],
        is_american=book.is_american[rows],
    )
    result: list[UnitGreeks | None] = []
    for offset, row in enumerate(rows.tolist()):
        spot = float(book.spot[book.underlying[row]])
        if math.isnan(spot):
            result.append(None)
        elif book.model[row] == Model.LINEAR:
            result.append(UnitGreeks(spot, None, 1.0, 0.0, 0.0, 0.0))
        elif math.isnan(float(book.vol[row])):
            result.append(None)
        else:
            result.append(
                UnitGreeks(
                    float(values.price[offset]),
                    float(book.vol[row]),
                    float(values.delta[offset]),
                    float(values.gamma[offset]),
                    float(values.theta_per_day[offset]),
                    float(values.vega_per_point[offset]),
                )
            )
    return tuple(result)


def _lack(book: BookArrays, row: int) -> str:
    """Why a row has no Greeks, empty when it has."""
    if math.isnan(float(book.spot[book.underlying[row]])):
        return f"{book.symbols[book.underlying[row]]} has no price"
    if book.model[row] == Model.LINEAR or not math.isnan(float(book.vol[row])):
        return ""
    if math.isnan(float(book.mark[row])):
        return "it has no two-sided quote"
    if bool(without_time_value(book.vol_status[row])):
        return "its whole quote lies below what exercise pays"
    return "its quote implies no vol"


def _legs_without_greeks(lacks: Sequence[str], told: Sequence[Problem]) -> Iterator[Problem]:
    """A sentence for each leg without Greeks; it hinders nothing, and where a leg has a problem already it is that."""
    fields = {problem.field for problem in told}
    for number, why in enumerate(lacks):
        if why and f"leg:{number}" not in fields:
            yield Problem(f"leg:{number}", f"No Greeks: {why}. What the order does to the limits is not known.")


def _not_live(legs: Sequence[OrderLeg], quotes: Mapping[ContractKey, Quote]) -> Iterator[Problem]:
    """One sentence when the gate will not take a leg's quote; the order may be simulated all the same."""
    for kind in _NOT_LIVE:
        keys = {key for key, quote in quotes.items() if quote.kind is kind}
        names = [leg.contract.label for leg in legs if leg.contract.key in keys]
        if names:
            whose = "every leg" if len(names) == len(legs) else ", ".join(names)
            yield Problem(
                "legs",
                f"The quote of {whose} is {kind.value.lower()}, not live: simulate it, but it will not be sent. "
                "Check the market data subscription.",
            )


def _net_opposite(legs: Sequence[OrderLeg], quotes: Mapping[ContractKey, Quote]) -> Decimal | None:
    """Net price with every leg at its own side of the market: the best one could hope for."""
    prices: list[Decimal] = []
    for leg in legs:
        quote = quotes.get(leg.contract.key)
        side = None if quote is None or not quote.is_two_sided else _own_side(quote, leg.action)
        if side is None:
            return None
        prices.append(side)
    return net_price(legs, prices) if prices else None


def _own_side(quote: Quote, action: Action) -> Decimal | None:
    return quote.bid if action is Action.BUY else quote.ask


def _suggested(mid: Decimal | None, tick: TickRule | None) -> Decimal | None:
    """The mid on a tick, rounded towards the market (a debit up, a credit towards less), so that it may fill."""
    if mid is None or tick is None:
        return None
    snapped = tick.snap(mid, rounding=ROUND_CEILING)
    return snapped if snapped != 0 else tick.tick_at(Decimal(0))


def _money(dollars: float | None) -> Decimal | None:
    return None if dollars is None else Decimal(f"{dollars:.2f}")
