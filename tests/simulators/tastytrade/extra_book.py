"""What the sample book lacks: an option on a future, so that an account holds all that Tastytrade trades."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from execution.brokers.paper.accounts import BookChange, Booking
from execution.brokers.paper.core import PaperCore
from execution.brokers.paper.rows import StoredExecution
from execution.brokers.paper.store import StoreChange
from models.contract import Contract
from models.enums import Action, BrokerName, Right
from models.expiry import days_to_expiry
from models.ids import ContractKey, ExecutionId
from models.trade import Execution

_FACT: Final = "tasty-future-option"
_DAYS: Final = 30
_BELOW: Final = 0.94


def open_future_option(core: PaperCore) -> None:
    """Books one short put on the front future into the first account, once for a store; not where none is listed."""
    if core.store.fact(_FACT) is not None:
        return
    contract = _put(core)
    facts = ((_FACT, "none" if contract is None else str(contract.key)),)
    quote = None if contract is None else core.market.quotes([contract], core.now_utc)[0]
    if contract is None or quote is None or quote.mark is None or quote.mark <= 0:
        core.store.commit(StoreChange(core.now_utc, facts=facts))
        return
    execution = Execution(
        broker=BrokerName.PAPER,
        account_id=core.book.account_ids[0],
        execution_id=ExecutionId("O90000001"),
        broker_order_id=None,
        order_id=None,
        contract=contract,
        action=Action.SELL,
        quantity=Decimal(1),
        price=max(contract.tick.snap(quote.mark), contract.tick.below),
        executed_at_utc=core.now_utc,
    )
    fee = core.settings.commissions.leg_fee(contract, Action.SELL, Decimal(1), execution.price)
    change: BookChange = core.book.after([Booking(execution, fee)])
    stored = StoredExecution(execution, fee, core.now_utc)
    core.store.commit(StoreChange(core.now_utc, change, (), (stored,), facts))
    core.book.adopt(change)


def _put(core: PaperCore) -> Contract | None:
    """The put about six percent below the market, about a month away."""
    futures = [symbol for symbol in core.market.underlyings() if symbol.startswith("/")]
    for symbol in futures:
        level, listed = core.market.level(symbol), core.market.expiries(symbol, core.now_utc)
        if level is None or not listed or core.market.resolve(ContractKey(symbol)) is None:
            continue
        expiry = min(listed, key=lambda one: abs(days_to_expiry(one.expiry, core.now_utc) - _DAYS))
        wanted = float(level) * _BELOW
        puts = [one for one in core.market.chain(expiry) if one.right is Right.PUT]
        return min(puts, key=lambda one: abs(float(one.strike or 0) - wanted), default=None)
    return None
