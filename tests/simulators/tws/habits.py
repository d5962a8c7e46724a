"""The bad habits of TWS that a test can switch on; all off, TWS behaves as in its documentation."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from tests.simulators.tws.order_replies import ExecTimeForm
from tests.simulators.tws.requests import Request


class WhatIfHabit(Enum):
    """How a what-if is answered."""

    NORMAL = "normal"
    #: First an answer with nothing in it ("margin being computed"), then the real one.
    TWO_STEP = "two-step"
    #: Only the first of the two: every figure is Java's unset double.
    UNSET = "unset"
    #: Only one answer, in which every figure is an empty text.
    EMPTY = "empty"
    REJECTED = "rejected"
    SILENT = "silent"
    #: A warning (399) and nothing else.
    WARNING_ONLY = "warning-only"


class GreeksHabit(Enum):
    """What the model line (tick 13) says."""

    COMPUTED = "computed"
    #: -1 and -2: TWS cannot work them out.
    NOT_COMPUTED = "not-computed"
    #: The line never comes.
    ABSENT = "absent"


@dataclass(slots=True)
class Habits:
    """Everything may be changed while the simulator runs; it holds from the next message on. Times in seconds."""

    # --- connection ---
    #: Announces a server version below what the clients take.
    too_old: bool = False
    #: API set to read-only: 321 on orders, what-ifs and open orders.
    read_only_api: bool = False
    #: How far TWS's clock, as it tells it, is from the right time.
    clock_off_s: float = 0.0
    #: How long a client id stays taken after its socket died without a goodbye.
    id_held_s: float = 0.0
    #: The client that is told of every client's orders and executions.
    master_client_id: int | None = None
    #: Messages per second beyond which error 100 comes; None = no limit.
    max_messages_per_s: int | None = 50
    #: Ids of messages that are never sent.
    muted: set[int] = field(default_factory=set)
    #: Kinds of requests that are never answered.
    unanswered: set[type[Request]] = field(default_factory=set)
    #: By message id: how much later it leaves; others overtake it.
    delays_s: dict[int, float] = field(default_factory=dict)
    #: Sends at most so many bytes at once.
    split_bytes: int | None = None
    # --- orders ---
    #: TWS sorts a combo's legs by contract id, and refuses (105) a modification with the legs in another order.
    strict_modify: bool = False
    #: permId is 0 in the first openOrder and orderStatus of an order.
    perm_id_late: bool = False
    #: Notices (399, 2109, 10349...) that follow every new order; the order lives.
    notices: tuple[int, ...] = ()
    #: 10147, or 135 as older versions say.
    unknown_cancel_code: int = 10147
    #: Open orders of other clients are told with the ids those clients gave them.
    foreign_order_ids: bool = False
    #: After a restart order ids begin again at 1.
    order_ids_roll_back: bool = False
    #: Completed orders are kept from midnight so many days ago (New York).
    completed_days: int = 1
    what_if: WhatIfHabit = WhatIfHabit.NORMAL
    #: Text of a rejected what-if, and of the warning in the first of two answers.
    what_if_reason: str = "The order would breach a limit of the account."
    what_if_first_warning: str = ""
    # --- executions ---
    commission_first: bool = False
    #: Commissions are never sent.
    commissions_absent: bool = False
    exec_time: ExecTimeForm = ExecTimeForm.ZONED
    #: Messages about orders that leave at the same moment are shuffled, order states among themselves excepted.
    disorder_seed: int | None = None
    #: Position changes leave one by one, each so much later than the one before.
    position_gap_s: float = 0.0
    # --- market data ---
    #: Of all clients together.
    max_lines: int = 100
    #: Symbols without live data: 10167 and delayed quotes if the client took type 3 or 4, else 354.
    not_subscribed: set[str] = field(default_factory=set)
    #: False: 10168 instead of delayed quotes.
    delayed_enabled: bool = True
    #: The same user is logged in elsewhere: 10197 and no quotes.
    competing_session: bool = False
    #: By symbol: the code each of its lines begins with; quotes flow only with 10090.
    line_errors: dict[str, int] = field(default_factory=dict)
    greeks: GreeksHabit = GreeksHabit.COMPUTED
    #: The model line is sent no more often than this.
    greeks_every_s: float = 1.0
    #: Quotes do not leave when the market ticks, but when `TwsSimulator.send_ticks` is called.
    paced_ticks: bool = False
