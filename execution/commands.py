"""What the window may ask of the engine. Each is a frozen value; `Desk.handle` answers with the type named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from execution.analysis_views import AnalysisPage, VolResponse
from execution.brokers.port import ChainExpiry
from execution.connection_views import NOTHING_TYPED, Form, TypedSecrets
from execution.suggestion_commands import SuggestionCommand
from models.enums import Metric, OrderType, Regime, TimeInForce, TradingState
from models.ids import AccountId, OrderId
from models.order import OrderLeg
from models.secret_text import SecretText


@dataclass(frozen=True, slots=True)
class TicketDraft:
    """The order ticket as it stands.

    `order_id` is made when the ticket opens: one ticket, one order, however often its button is pressed.
    `limit_price` net per package: positive debit, negative credit; None = not given.
    """

    order_id: OrderId
    account_id: AccountId
    legs: tuple[OrderLeg, ...]
    order_type: OrderType
    limit_price: Decimal | None
    tif: TimeInForce
    rationale: str = ""
    ai_suggestion_id: str | None = None
    ai_rationale: str | None = None


@dataclass(frozen=True, slots=True)
class PreviewTicket:
    """-> ticket_views.TicketPreview. Cheap, no broker: prices, payoff, Greeks before and after, problems."""

    draft: TicketDraft


@dataclass(frozen=True, slots=True)
class SimulateOrder:
    """-> ticket_views.SimulationOutcome. The broker's what-if."""

    draft: TicketDraft


@dataclass(frozen=True, slots=True)
class SendOrder:
    """-> ticket_views.SendOutcome. Passes the gate or is denied with reasons."""

    draft: TicketDraft


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """-> None. Cancels bypass the gate."""

    order_id: OrderId


@dataclass(frozen=True, slots=True)
class CancelAll:
    """-> int, how many cancels went out."""

    account_id: AccountId | None = None


@dataclass(frozen=True, slots=True)
class ReplaceOrder:
    """-> ticket_views.SendOutcome. Another limit price for a working order; passes the price checks of the gate."""

    order_id: OrderId
    limit_price: Decimal


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """-> None. Asks the broker again about an order whose outcome is UNKNOWN."""

    order_id: OrderId


@dataclass(frozen=True, slots=True)
class DeclareNotSent:
    """-> None. The user settles an UNKNOWN order that the broker does not know, after the grace: it was not sent."""

    order_id: OrderId


@dataclass(frozen=True, slots=True)
class ListUnderlyings:
    """-> tuple[str, ...], the underlyings with options."""


@dataclass(frozen=True, slots=True)
class ListExpiries:
    """-> tuple[ChainExpiry, ...]; InvalidInput for an unknown underlying."""

    underlying: str


@dataclass(frozen=True, slots=True)
class WatchChain:
    """-> views.ChainStatic | None; `views.ChainNumbers` then stream. None stops the stream.

    `visible_low`/`visible_high` bound the strikes that are on screen (quotes are taken for those only).
    """

    expiry: ChainExpiry | None
    visible_low: Decimal | None = None
    visible_high: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SelectAccount:
    """-> None. None = all accounts in one book."""

    account_id: AccountId | None


@dataclass(frozen=True, slots=True)
class SetScenario:
    """-> None. What the dashboard's curve and grid show."""

    days_forward: float = 0.0
    vol_shift_points: float = 0.0
    #: True: vol_shift is relative per cent of each vol, False: absolute vol points.
    vol_shift_relative: bool = False
    spot_range_pct: float = 15.0
    benchmark: str = "SPX"
    #: Restrict curve and grid to these underlyings; empty = whole book.
    underlyings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WatchAnalysis:
    """-> None. Which pages of the risk analysis are in sight (none = nothing is computed), and how they are asked.

    `baseline_at_utc`: what P&L is explained from, one of `ExplainState.baselines`; None = the last session's close,
    or else the oldest of today.
    """

    pages: frozenset[AnalysisPage]
    response: VolResponse = VolResponse.STICKY_STRIKE
    baseline_at_utc: datetime | None = None


@dataclass(frozen=True, slots=True)
class SetBetaOverride:
    """-> None. None takes the override away."""

    symbol: str
    beta: float | None


@dataclass(frozen=True, slots=True)
class SetLimit:
    """-> None. Changes one bound of one regime and saves it."""

    regime: Regime
    metric: Metric
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class SetTradingState:
    """-> None. The kill switch (HALTED) and its release (ACTIVE); persisted."""

    state: TradingState
    reason: str


@dataclass(frozen=True, slots=True)
class ArmLive:
    """-> bool. Arms a live account for this session when `typed` is its account id."""

    account_id: AccountId
    typed: str


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """-> tuple[str, ...], ids of the rows written, one an account."""


@dataclass(frozen=True, slots=True)
class EditJournal:
    """-> None. The user's rationale and tags of a journal row; None = leave as it is."""

    journal_id: str
    user_rationale: str | None
    tags: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class AcknowledgeBreach:
    """-> None. The user acted on a breach: it is archived."""

    breach_id: str


@dataclass(frozen=True, slots=True)
class Reconcile:
    """-> None. Asks the broker for everything and compares."""


@dataclass(frozen=True, slots=True)
class ReadConnections:
    """-> connection_views.ConnectionsView. The brokers' settings as they are saved."""


@dataclass(frozen=True, slots=True)
class TryConnection:
    """-> connection_views.ProbeView. Connects with these settings beside the running desk, looks, and lets go.

    With the secrets that were typed, else with those that are kept; nothing is stored.
    """

    form: Form
    typed: TypedSecrets = NOTHING_TYPED


@dataclass(frozen=True, slots=True)
class SaveConnections:
    """-> None. Saves which broker the desk opens and how, for its next start; secrets typed replace what is kept."""

    broker: str
    form: Form
    typed: TypedSecrets = NOTHING_TYPED
    #: Brokers opened beside it into the same book.
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LookForSecrets:
    """-> connection_views.SecretsView. Where a login's secrets are; a keyring may ask its user meanwhile."""

    login: str


@dataclass(frozen=True, slots=True)
class ForgetSecrets:
    """-> str, what was removed. `passphrase` opens a locked vault."""

    login: str
    passphrase: SecretText | None = None


@dataclass(frozen=True, slots=True)
class UnlockSecrets:
    """-> None. Opens the vault for this session and connects; KnownError for a wrong passphrase."""

    passphrase: SecretText


@dataclass(frozen=True, slots=True)
class ImportStatement:
    """-> statement_views.StatementReport. Imports a broker's statement file; `StatementProgress` is told meanwhile."""

    path: Path


@dataclass(frozen=True, slots=True)
class StopStatementImport:
    """-> None. Ends a running import between two of its transactions; `ImportStatement` then fails, saying so."""


#: What the settings page asks, and the window when a login lacks something.
ConnectionCommand = ReadConnections | TryConnection | SaveConnections | LookForSecrets | ForgetSecrets | UnlockSecrets

DeskCommand = (
    PreviewTicket
    | SimulateOrder
    | SendOrder
    | CancelOrder
    | CancelAll
    | ReplaceOrder
    | CheckOrder
    | DeclareNotSent
    | ListUnderlyings
    | ListExpiries
    | WatchChain
    | SelectAccount
    | SetScenario
    | WatchAnalysis
    | SetBetaOverride
    | SetLimit
    | SetTradingState
    | ArmLive
    | TakeSnapshot
    | EditJournal
    | AcknowledgeBreach
    | Reconcile
    | ReadConnections
    | TryConnection
    | SaveConnections
    | LookForSecrets
    | ForgetSecrets
    | UnlockSecrets
    | ImportStatement
    | StopStatementImport
)
Command = DeskCommand | SuggestionCommand
