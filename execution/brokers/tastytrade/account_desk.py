"""Every account's money and holdings at Tastytrade: told in full by REST, one by one by the account stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol

from execution.brokers.holdings import Held, Holdings
from execution.brokers.port import AccountEvent, BrokerEvent, NoticeEvent, PositionsEvent
from execution.brokers.tastytrade.facts import TastyBalance, TastyPosition
from models.account import AccountValues
from models.clock import Clock
from models.contract import Contract
from models.enums import BrokerName
from models.errors import BrokerFailure, InvalidInput
from models.ids import AccountId, ContractKey
from models.position import UnifiedPosition
from models.trade import Execution

_BEAT_S: Final = 0.1
#: Alerts of one fill come leg by leg: so long nothing new must have come before positions are told.
_QUIET_S: Final = 0.3
_ASK_AGAIN_S: Final = 5.0
_SOURCE: Final = "Tastytrade positions"
_log = logging.getLogger(__name__)
ReadPositions = Callable[[AccountId], Awaitable[Iterable[TastyPosition]]]


class Contracts(Protocol):
    """What is needed of the catalogue."""

    async def contract(self, symbol: str, instrument_type: str) -> Contract:
        """Returns the contract of a symbol; raises InvalidInput, BrokerFailure."""
        ...


@dataclass(slots=True)
class _Account:
    holdings: Holdings
    balance: TastyBalance | None = None
    balance_changed: bool = False
    news_s: float | None = None
    #: Nothing explains a difference: all holdings are read over REST before the broker's word is taken for it.
    is_read_wanted: bool = False
    was_read: bool = False


class AccountDesk:
    """Positions are told when they agree with the fills told, money when it changed. Engine thread only."""

    def __init__(
        self,
        *,
        catalog: Contracts,
        clock: Clock,
        emit: Callable[[BrokerEvent], None],
        unexplained: Callable[[], None],
        read: ReadPositions | None = None,
    ) -> None:
        """`unexplained` is called when a holding changed and no fill says why: something expired, or a fill is late.

        `read` asks for all that an account holds, before fills are given up that its alerts say nothing of.
        """
        self._catalog = catalog
        self._clock = clock
        self._emit = emit
        self._unexplained = unexplained
        self._read = read
        self._read_wanted = asyncio.Event()
        self._accounts: dict[AccountId, _Account] = {}
        self._said: set[tuple[AccountId, str]] = set()
        self._unread: dict[tuple[AccountId, str], TastyPosition] = {}
        self._changed = asyncio.Event()
        self._is_up = True

    async def take(self, fact: TastyBalance | TastyPosition) -> None:
        """Takes what the account stream tells: full objects, never differences."""
        if isinstance(fact, TastyBalance):
            self._take_balance(fact)
        elif await self._hear(fact):
            self._note_news(self._account(AccountId(fact.account_number)))

    async def take_all(self, account_id: AccountId, positions: Iterable[TastyPosition]) -> None:
        """Takes all that an account holds as REST tells it: what is not named is gone."""
        account = self._account(account_id)
        named = {fact.symbol: fact for fact in positions}
        self._unread = {place: fact for place, fact in self._unread.items() if place[0] != account_id}
        keys = []
        for fact in named.values():
            await self._hear(fact)
            contract = await self._contract(fact)
            if contract is not None:
                keys.append(contract.key)
        account.holdings.keep_only(keys, _now_s())
        self._is_up = True
        if account.holdings.differs():
            # Who asked tells it at once; if that fails, it is told as any other change.
            self._note_news(account)

    def take_balance(self, balance: TastyBalance) -> None:
        """Takes an account's money as REST tells it."""
        self._take_balance(balance)

    def take_execution(self, execution: Execution) -> None:
        """Takes a fill that the desk is told of: positions are waited for until they hold it."""
        account = self._account(execution.account_id)
        if account.holdings.take(execution, _now_s()):
            self._note_news(account)

    def lost(self) -> None:
        """Takes the stream as down: nothing is told of positions until all were asked for anew."""
        self._is_up = False

    def values(self, account_id: AccountId) -> AccountValues:
        """Returns an account's money; Nones before the first word."""
        balance = self._account(account_id).balance
        now_utc = self._clock.now_utc()
        if balance is None:
            return AccountValues(account_id, now_utc, None, None, None, None, None)
        return AccountValues(
            account_id=account_id,
            at_utc=balance.updated_at_utc or now_utc,
            net_liquidation=balance.net_liquidation,
            cash_balance=balance.cash,
            buying_power=balance.derivative_buying_power,
            initial_margin=balance.initial_margin,
            maintenance_margin=balance.maintenance_margin,
        )

    def positions(self, account_id: AccountId, at_utc: datetime) -> tuple[UnifiedPosition, ...]:
        """Returns what is held, as of `at_utc` or of the newest fill told, whichever is later."""
        account = self._account(account_id)
        account.news_s, account.was_read = None, False
        return account.holdings.tell(at_utc)

    def positions_as_of(self, account_id: AccountId) -> datetime | None:
        """Returns as of when the positions last told of an account are."""
        return self._account(account_id).holdings.as_of_utc

    def quantities(self, account_id: AccountId) -> dict[ContractKey, Decimal] | None:
        """Returns what is held by the broker's last word, short negative; None while that is not known."""
        account = self._accounts.get(account_id)
        return account.holdings.quantities() if account is not None and account.holdings.was_told else None

    def unsettled(self, account_id: AccountId) -> tuple[ContractKey, ...]:
        """Returns the contracts on which the broker's word and the fills told do not agree yet."""
        account = self._accounts.get(account_id)
        return () if account is None else account.holdings.differs()

    async def run(self) -> None:
        """Tells what changed, and reads what could not be read yet, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_telling(), name="tastytrade-accounts")
            tasks.create_task(self._keep_reading(), name="tastytrade-contracts")
            tasks.create_task(self._keep_asking(), name="tastytrade-positions")

    # --- telling ------------------------------------------------------------------------------------------------------

    async def _keep_telling(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            for account_id, account in list(self._accounts.items()):
                if account.balance_changed:
                    account.balance_changed = False
                    self._emit(AccountEvent(self.values(account_id)))
                self._tell_positions(account_id, account)
            await asyncio.sleep(_BEAT_S)

    def _tell_positions(self, account_id: AccountId, account: _Account) -> None:
        if account.news_s is None or not account.holdings.was_told:
            return
        now_s = _now_s()
        patience_s = account.holdings.patience_ends_s()
        is_settled = patience_s is None and now_s - account.news_s >= _QUIET_S
        is_overdue = patience_s is not None and patience_s <= now_s
        if not self._is_up or not (is_settled or is_overdue):
            self._changed.set()
            return
        if is_overdue and not account.was_read and self._read is not None:
            account.is_read_wanted = True
            self._read_wanted.set()
            self._changed.set()
            return
        account.news_s, account.was_read = None, False
        # A difference that no fill explains is told as of now: fills that would explain it are in it already.
        told = account.holdings.tell(self._clock.now_utc() if is_overdue else None)
        self._emit(PositionsEvent(account_id, told, account.holdings.as_of_utc))
        if is_overdue:
            self._unexplained()

    def _note_news(self, account: _Account) -> None:
        account.news_s = _now_s()
        self._changed.set()

    # --- hearing ------------------------------------------------------------------------------------------------------

    def _take_balance(self, balance: TastyBalance) -> None:
        account = self._account(AccountId(balance.account_number))
        if account.balance != balance:
            account.balance = balance
            account.balance_changed = True
            self._changed.set()

    async def _hear(self, fact: TastyPosition) -> bool:
        contract = await self._contract(fact)
        if contract is None:
            return False
        if fact.multiplier is not None and fact.multiplier != contract.multiplier:
            self._list(fact, f"{contract.label} has a multiplier of {fact.multiplier}, not {contract.multiplier}.")
        account = self._account(AccountId(fact.account_number))
        return account.holdings.hear(Held(contract, fact.quantity, fact.average_open_price), _now_s())

    async def _contract(self, fact: TastyPosition) -> Contract | None:
        """Returns a holding's contract; None when nobody can read it, which is said, or it must be asked again."""
        try:
            return await self._catalog.contract(fact.symbol, fact.instrument_type)
        except InvalidInput as error:
            self._list(fact, f"A position is not shown: {error}")
        except BrokerFailure:
            self._unread[AccountId(fact.account_number), fact.symbol] = fact
            self._changed.set()
        return None

    async def _keep_reading(self) -> None:
        while True:
            await asyncio.sleep(_ASK_AGAIN_S)
            waiting, self._unread = list(self._unread.values()), {}
            for fact in waiting:
                if await self._hear(fact):
                    self._note_news(self._account(AccountId(fact.account_number)))

    async def _keep_asking(self) -> None:
        """Reads all holdings of accounts whose alerts say nothing of a fill: one of them may have been lost."""
        while True:
            await self._read_wanted.wait()
            self._read_wanted.clear()
            for account_id, account in list(self._accounts.items()):
                if not account.is_read_wanted or self._read is None:
                    continue
                try:
                    told = await self._read(account_id)
                    if self._is_up:  # else the snapshot that follows reads everything
                        await self.take_all(account_id, told)
                except BrokerFailure as failure:
                    _log.warning("the positions of %s could not be read again: %s", account_id, failure)
                account.is_read_wanted, account.was_read = False, True

    def _list(self, fact: TastyPosition, text: str) -> None:
        place = (AccountId(fact.account_number), fact.symbol)
        if place not in self._said:
            self._said.add(place)
            self._emit(NoticeEvent(_SOURCE, text))

    def _account(self, account_id: AccountId) -> _Account:
        account = self._accounts.get(account_id)
        if account is None:
            account = self._accounts[account_id] = _Account(Holdings(account_id, BrokerName.TASTYTRADE))
        return account


def _now_s() -> float:
    return asyncio.get_running_loop().time()
