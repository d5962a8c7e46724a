"""Accounts, balances, positions and requirements, as the exchange's books have them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from execution.brokers.paper.accounts import Holding
from models.account import AccountValues
from models.clock import new_york_time
from models.contract import plain
from models.enums import InstrumentKind
from models.ids import AccountId
from tests.simulators.tastytrade.habits import CryptoHolding
from tests.simulators.tastytrade.listing import instrument_type, symbol_of
from tests.simulators.tastytrade.replies import JsonObject, epoch_ms, iso, number, signed
from tests.simulators.tastytrade.state import TastyState
from tests.simulators.tastytrade.transactions import Ledger

_CENT: Final = Decimal("0.01")
_ZERO: Final = Decimal(0)
_OPENED: Final = "2024-12-10T15:00:00.000+00:00"
_SHARES: Final = frozenset({InstrumentKind.STOCK, InstrumentKind.ETF})
_NOTHING_HELD: Final = (
    "bond-margin-requirement",
    "cryptocurrency-margin-requirement",
    "day-equity-call-value",
    "day-trading-call-value",
    "equity-offering-margin-requirement",
    "long-bond-value",
    "long-index-derivative-value",
    "maintenance-call-value",
    "pending-margin-interest",
    "reg-t-call-value",
    "short-cryptocurrency-value",
    "short-index-derivative-value",
)


@dataclass(slots=True)
class AccountDesk:
    """Answers questions about accounts."""

    tasty: TastyState
    ledger: Ledger

    def accounts(self) -> list[JsonObject]:
        """Returns every account with the login's authority over it."""
        trades = "trade" in self.tasty.habits.scopes
        return [
            {"account": self.account(one), "authority-level": "owner" if trades else "read-only"}
            for one in self.tasty.accounts
        ]

    def account(self, account_id: AccountId) -> JsonObject:
        """Returns one account."""
        held = self.tasty.core.book.account(account_id)
        return {
            "account-number": account_id,
            "external-id": f"A{account_id}",
            "opened-at": _OPENED,
            "nickname": "" if held is None else held.title,
            "account-type-name": "Individual",
            "day-trader-status": False,
            "is-closed": False,
            "is-firm-error": False,
            "is-firm-proprietary": False,
            "is-futures-approved": True,
            "is-test-drive": False,
            "margin-or-cash": "Margin",
            "is-foreign": False,
            "funding-date": "2024-12-11",
            "investment-objective": "SPECULATION",
            "futures-account-purpose": "SPECULATING",
            "suitable-options-level": "No Restrictions",
            "created-at": _OPENED,
        }

    def trading_status(self, account_id: AccountId) -> JsonObject:
        """Returns what an account may do."""
        flags = (
            "are-far-otm-net-options-restricted",
            "has-intraday-equities-margin",
            "is-aggregated-at-clearing",
            "is-closed",
            "is-closing-only",
            "is-cryptocurrency-closing-only",
            "is-cryptocurrency-enabled",
            "is-equity-offering-closing-only",
            "is-equity-offering-enabled",
            "is-frozen",
            "is-full-equity-margin-required",
            "is-futures-closing-only",
            "is-futures-intra-day-enabled",
            "is-in-day-trade-equity-maintenance-call",
            "is-in-margin-call",
            "is-pattern-day-trader",
            "is-risk-reducing-only",
            "is-roll-the-day-forward-enabled",
            "is-small-notional-futures-intra-day-enabled",
        )
        portfolio = self.tasty.core.settings.margin_method_of(account_id).value == "portfolio"
        return dict.fromkeys(flags, False) | {
            "account-number": account_id,
            "day-trade-count": 0,
            "equities-margin-calculation-type": "Portfolio Margin" if portfolio else "Reg T",
            "fee-schedule-name": "default",
            "futures-margin-rate-multiplier": "1.0",
            "id": 15,
            "is-futures-enabled": True,
            "is-portfolio-margin-enabled": portfolio,
            "options-level": "No Restrictions",
            "short-calls-enabled": True,
            "small-notional-futures-margin-rate-multiplier": "1.0",
            "updated-at": iso(self.tasty.now()),
        }

    # --- money ---

    def balance(self, account_id: AccountId) -> JsonObject:
        """Returns an account's money: net liquidation = cash + what is long - what is short."""
        core, now_utc = self.tasty.core, self.tasty.now()
        core.valuation.refresh_holdings(now_utc)
        values = core.valuation.account_values(account_id, now_utc)
        amounts = self._amounts(account_id, values)
        texts = dict.fromkeys(_NOTHING_HELD, "0.0") | {name: number(amount) for name, amount in amounts.items()}
        return (
            {"account-number": account_id, "currency": "USD"}
            | texts
            | signed("pending-cash", _ZERO)
            | signed("buying-power-adjustment", _ZERO)
            | {
                "unsettled-cryptocurrency-fiat-amount": "0.0",
                "unsettled-cryptocurrency-fiat-effect": "None",
                "snapshot-date": self.tasty.today().isoformat(),
                "updated-at": iso(now_utc),
            }
        )

    def _amounts(self, account_id: AccountId, values: AccountValues) -> dict[str, Decimal]:
        coins = self.crypto_value(account_id)
        net = (values.net_liquidation or _ZERO) + coins
        initial, maintenance = values.initial_margin or _ZERO, values.maintenance_margin or _ZERO
        room, held = values.buying_power or _ZERO, self.tasty.core.book.holdings(account_id)
        cash, on_futures = values.cash_balance or _ZERO, {InstrumentKind.FUTURE}
        amounts = self._sides(held, _SHARES, "equity") | self._sides(held, {InstrumentKind.OPTION}, "derivative")
        amounts |= self._sides(held, {InstrumentKind.FUTURE_OPTION}, "futures-derivative")
        amounts |= self._sides(held, on_futures, "futures", gains=True)
        return amounts | {
            "cash-balance": cash,
            "net-liquidating-value": net,
            "long-cryptocurrency-value": coins,
            "long-margineable-value": amounts["long-equity-value"],
            "short-margineable-value": amounts["short-equity-value"],
            "margin-equity": net - coins,
            "equity-buying-power": room * 2,
            "derivative-buying-power": room,
            "day-trading-buying-power": room,
            "available-trading-funds": room,
            "futures-margin-requirement": _ZERO,
            "futures-overnight-margin-requirement": _ZERO,
            "futures-intraday-margin-requirement": _ZERO,
            "maintenance-requirement": maintenance,
            "reg-t-margin-requirement": initial,
            "maintenance-excess": net - coins - maintenance,
            "used-derivative-buying-power": initial,
            "cash-available-to-withdraw": max(min(cash, room), _ZERO),
            "day-trade-excess": room,
            "closed-loop-available-balance": max(min(cash, room), _ZERO),
            "effective-cryptocurrency-buying-power": _ZERO,
            "apex-starting-day-margin-equity": net - coins,
        }

    def _sides(
        self,
        held: tuple[Holding, ...],
        kinds: frozenset[InstrumentKind] | set[InstrumentKind],
        name: str,
        *,
        gains: bool = False,
    ) -> dict[str, Decimal]:
        """Long and short values of some kinds, both positive; of futures what they have gained since the opening."""
        sides = {f"long-{name}-value": _ZERO, f"short-{name}-value": _ZERO}
        for one in held:
            if one.contract.kind in kinds:
                mark = self.tasty.core.valuation.marks.get(one.contract.key, one.average_price)
                per_unit = mark - one.average_price if gains else mark
                value = (one.quantity * per_unit * one.contract.multiplier).quantize(_CENT)
                if one.quantity > 0:
                    sides[f"long-{name}-value"] += value
                else:
                    sides[f"short-{name}-value"] -= value
        return sides

    def crypto_value(self, account_id: AccountId) -> Decimal:
        """Returns what an account's coins are worth."""
        coins = self._coins(account_id)
        return _ZERO if coins is None else (coins.quantity * coins.mark).quantize(_CENT)

    def _coins(self, account_id: AccountId) -> CryptoHolding | None:
        return self.tasty.habits.crypto if account_id == self.tasty.accounts[0] else None

    def requirements(self, account_id: AccountId) -> JsonObject:
        """Returns the margin report: one line for the whole account; figures that are not known are "NaN"."""
        values = self.tasty.core.valuation.account_values(account_id, self.tasty.now())
        net, initial = values.net_liquidation or _ZERO, values.initial_margin or _ZERO
        maintenance, room = values.maintenance_margin or _ZERO, values.buying_power or _ZERO
        return (
            {
                "account-number": account_id,
                "description": "Total",
                "margin-calculation-type": "Reg T",
                "option-level": "No Restrictions",
                "last-state-timestamp": epoch_ms(self.tasty.now()),
                "groups": [
                    {"description": "All", "code": "ALL", "margin-calculation-type": "Reg T"}
                    | signed("margin-requirement", -initial)
                    | signed("buying-power", -initial)
                    | {"groups": [{"position-entries": [{"close-price": "NaN", "fixing-price": "NaN"}]}]}
                ],
            }
            | signed("margin-requirement", -initial)
            | signed("initial-requirement", -initial)
            | signed("maintenance-requirement", -maintenance)
            | signed("margin-equity", net)
            | signed("option-buying-power", room)
            | signed("reg-t-margin-requirement", -initial)
            | signed("reg-t-option-buying-power", room)
            | signed("maintenance-excess", net - maintenance)
        )

    # --- positions ---

    def positions(self, account_id: AccountId) -> list[JsonObject]:
        """Returns what an account holds, coins last."""
        found = [self.position(one) for one in self.tasty.core.book.holdings(account_id)]
        coins = self._coins(account_id)
        if coins is not None:
            found.append(self._crypto_position(account_id, coins))
        return found

    def position(self, held: Holding) -> JsonObject:
        """Returns one position; a quantity of 0 tells that it is gone."""
        contract, symbol = held.contract, symbol_of(held.contract)
        quote = self.tasty.core.valuation.quotes.get(contract.key)
        mark = self.tasty.core.valuation.marks.get(contract.key)
        close = held.average_price if quote is None else quote.previous_close or mark or held.average_price
        opened, changed = self.ledger.times(held.account_id, contract.key)
        expires = contract.expires_at_utc
        facts = self._position(
            held.account_id,
            symbol=symbol,
            kind=instrument_type(contract),
            underlying=contract.underlying,
            quantity=held.quantity,
            multiplier=contract.multiplier,
            average=held.average_price,
            close="NaN" if symbol in self.tasty.habits.nan_close else plain(close),
        )
        if expires is not None:
            facts["expires-at"] = iso(expires)
        if mark is not None:
            facts["mark"] = plain((mark * abs(held.quantity) * contract.multiplier).quantize(_CENT))
            facts["mark-price"] = plain(mark)
        at_utc = self.tasty.now()
        return facts | {"created-at": iso(opened or at_utc), "updated-at": iso(changed or at_utc)}

    def _crypto_position(self, account_id: AccountId, coins: CryptoHolding) -> JsonObject:
        facts = self._position(
            account_id,
            symbol=coins.symbol,
            kind="Cryptocurrency",
            underlying=coins.symbol,
            quantity=coins.quantity,
            multiplier=Decimal(1),
            average=coins.average_price,
            close=plain(coins.mark),
        )
        return facts | {"created-at": _OPENED, "updated-at": _OPENED}

    def _position(
        self,
        account_id: AccountId,
        *,
        symbol: str,
        kind: str,
        underlying: str,
        quantity: Decimal,
        multiplier: Decimal,
        average: Decimal,
        close: str,
    ) -> JsonObject:
        direction = "Long" if quantity > 0 else "Short" if quantity < 0 else "Zero"
        whole = quantity == quantity.to_integral_value() and kind not in {"Equity", "Cryptocurrency"}
        day = new_york_time(self.tasty.now()).date().isoformat()
        return {
            "account-number": account_id,
            "symbol": symbol,
            "instrument-type": kind,
            "underlying-symbol": underlying,
            "quantity": int(abs(quantity)) if whole else plain(abs(quantity)),
            "quantity-direction": direction,
            "close-price": close,
            "average-open-price": plain(average),
            "average-yearly-market-close-price": plain(average),
            "average-daily-market-close-price": close,
            "multiplier": number(multiplier) if kind == "Future" else int(multiplier),
            "cost-effect": "Debit" if quantity < 0 else "Credit",
            "is-suppressed": False,
            "is-frozen": False,
            "restricted-quantity": 0,
            "realized-day-gain": "0.0",
            "realized-day-gain-effect": "None",
            "realized-day-gain-date": day,
            "realized-today": "0.0",
            "realized-today-effect": "None",
            "realized-today-date": day,
        }
