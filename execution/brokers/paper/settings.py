"""How the paper broker behaves: money, pace, fill model, sessions."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from execution.brokers.paper.commissions import CommissionSchedule
from models.enums import MarginMethod
from models.ids import AccountId

DEFAULT_ACCOUNT_ID: Final = AccountId("PAPER-1")


@dataclass(frozen=True, slots=True)
class FillModel:
    """When a resting limit order fills.

    At or through the natural price it fills at the natural, on the next tick. Between mid and natural it fills at its
    limit as a Poisson event whose rate runs geometrically from `rate_at_mid_per_s` to `rate_at_natural_per_s` with the
    share of the way from mid to natural that it concedes. Below the mid it waits for the market to come.
    """

    rate_at_mid_per_s: float = 0.02
    rate_at_natural_per_s: float = 0.6
    #: Fills no more packages at once than the displayed sizes allow.
    use_displayed_size: bool = True
    #: Most packages one fill takes; None = no cap.
    max_packages_per_fill: int | None = None


@dataclass(frozen=True, slots=True)
class PaperAccount:
    """An account to open when the store is new. Its margin method holds for an account of an older store too."""

    account_id: AccountId = DEFAULT_ACCOUNT_ID
    title: str = "Paper account"
    starting_cash: Decimal = Decimal(500_000)
    margin_method: MarginMethod = MarginMethod.REG_T


@dataclass(frozen=True, slots=True)
class PaperSettings:
    """Everything the user may set of the paper broker; times in seconds."""

    accounts: tuple[PaperAccount, ...] = (PaperAccount(),)
    commissions: CommissionSchedule = field(default_factory=CommissionSchedule)
    fill_model: FillModel = field(default_factory=FillModel)
    seed: int = 7
    quote_interval_s: float = 0.25
    account_interval_s: float = 1.0
    market_state_interval_s: float = 15.0
    #: From submit to the broker's acceptance event; the order can fill from then on.
    ack_delay_s: float = 0.05
    cancel_delay_s: float = 0.05
    #: From a fill's commit to its event.
    report_delay_s: float = 0.0
    #: From a fill's event to its fee.
    fee_delay_s: float = 0.2
    #: True: orders fill in the exchange's session only. False: the market never closes, sessions only date DAY orders.
    session_hours: bool = False
    #: Quotes sent per second at most; beyond it contracts take turns.
    max_quotes_per_s: int = 8000
    #: Refuse orders the account has no buying power for.
    enforce_buying_power: bool = True
    #: How far back a snapshot's executions and completed orders reach.
    history_days: int = 7
    #: A broken link comes back by itself after this; None = only `PaperBroker.mend_link` brings it back.
    reconnect_after_s: float | None = 2.0
    #: No background task: the owner drives `PaperBroker.step`.
    manual: bool = False

    def margin_method_of(self, account_id: AccountId) -> MarginMethod:
        """Returns an account's margin method; Reg-T for one that is not in the settings."""
        known = (account.margin_method for account in self.accounts if account.account_id == account_id)
        return next(known, MarginMethod.REG_T)
