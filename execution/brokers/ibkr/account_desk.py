"""Accounts and positions from TWS, told to the desk only when they hold together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from execution.brokers.holdings import PATIENCE_S, Held, Holdings
from execution.brokers.ibkr.account_figures import DOLLARS, AccountFigures
from execution.brokers.ibkr.facts import AccountValueFact, IbContract, PortfolioFact, PositionFact
from execution.brokers.ibkr.settings import IbkrSettings
from execution.brokers.port import AccountEvent, BrokerEvent, NoticeEvent, PositionsEvent
from models.account import AccountValues
from models.clock import Clock
from models.contract import Contract
from models.enums import BrokerName
from models.errors import BrokerFailure, InvalidInput
from models.ids import AccountId, ContractKey
from models.position import UnifiedPosition
from models.trade import Execution

_LOG = logging.getLogger(__name__)
_POSITIONS: Final = "IBKR positions"
_ACCOUNTS: Final = "IBKR account values"
#: How often it is looked whether something can be told. TWS sends figures in bursts: one event for each.
_BEAT_S: Final = 0.25
#: Without news for so long the legs of a combo have all come.
_QUIET_S: Final = 0.2
#: Under a stream of news what agrees is told at least so often.
_UNQUIET_S: Final = 1.0
#: Pause after a contract could not be asked about.
_ASK_AGAIN_S: Final = 5.0


class KnownContracts(Protocol):
    """The part of the catalog that reads TWS's contracts."""

    def by_con_id(self, con_id: int) -> Contract | None:
        """Returns the contract of an id, None when it was not asked for yet."""
        ...

    async def contract(self, ib: IbContract) -> Contract:
        """Returns the contract, asking TWS where needed; raises InvalidInput for an unknown one, BrokerFailure."""
        ...


@dataclass(slots=True)
class _Account:
    holdings: Holdings
    figures: AccountFigures
    #: The last message on a contract, by id, as long as the contract itself is not known.
    unread: dict[int, PositionFact | PortfolioFact] = field(default_factory=dict)
    #: Whether the positions' own stream has spoken; until then the portfolio's stands in.
    has_positions: bool = False
    #: Contract ids named since all positions were asked for; None = not asked.
    named: set[int] | None = None
    keys: dict[int, ContractKey] = field(default_factory=dict)
    heard_at_utc: datetime | None = None
    figures_at_utc: datetime | None = None
    news_s: float | None = None
    first_news_s: float | None = None
    figures_changed: bool = False


class AccountDesk:
    """Every account's holdings and money. Engine loop thread only; `run` must run all the while.

    PositionFacts rule; a PortfolioFact stands in until the first of them, and lends its average cost. TWS's average
    cost includes commissions. Nothing is told of an account's positions by event before `positions` told them first.
    """

    def __init__(
        self,
        *,
        catalog: KnownContracts,
        clock: Clock,
        settings: IbkrSettings,
        emit: Callable[[BrokerEvent], None],
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._settings = settings
        self._emit = emit
        self._accounts: dict[AccountId, _Account] = {}
        self._is_up = True
        #: TWS's clock less ours, as far as whole seconds tell.
        self._tws_ahead = timedelta(0)
        self._changed = asyncio.Event()
        self._unread = asyncio.Event()
        self._news = asyncio.Event()
        self._listed: set[tuple[AccountId, int, str]] = set()
        self._unreadable: set[tuple[AccountId, int]] = set()
        self._said_currency: set[AccountId] = set()

    async def take(self, fact: PositionFact | PortfolioFact | AccountValueFact) -> None:
        """Takes a fact in, in TWS's order. Never waits for TWS: unknown contracts are asked about aside."""
        account_id = AccountId(fact.account)
        if not self._is_shown(account_id):
            return
        account = self._account(account_id)
        match fact:
            case AccountValueFact():
                account.figures_at_utc = self._clock.now_utc()
                if account.figures.take(fact):
                    account.figures_changed = True
                    self._changed.set()
            case PositionFact():
                account.has_positions = True
                self._take_holding(account, fact)
            case PortfolioFact():
                if not account.has_positions:
                    self._take_holding(account, fact)
                else:
                    self._lend_price(account, fact)

    def take_execution(self, execution: Execution) -> None:
        """Takes a leg's fill that the desk is told of: TWS's positions are waited for until they hold it."""
        if self._is_shown(execution.account_id):
            account = self._account(execution.account_id)
            if account.holdings.take(execution, _now_s()):
                self._note_news(account)

    def positions_asked(self) -> None:
        """Notes that all positions are asked for: what is not named until `positions_answered` is gone."""
        self._unreadable.clear()
        for account in self._accounts.values():
            # Asked twice at a time: the first answer names all, too.
            account.named = set() if account.named is None else account.named

    def positions_answered(self) -> None:
        """Notes that the answer's facts have all been taken. Called once per `positions_asked`, if it was answered."""
        for account in self._accounts.values():
            named, account.named = account.named, None
            if named is None:
                continue
            account.unread = {con_id: fact for con_id, fact in account.unread.items() if con_id in named}
            account.keys = {con_id: key for con_id, key in account.keys.items() if con_id in named}
            if account.holdings.keep_only(account.keys.values(), _now_s()):
                self._note_news(account)
        self._is_up = True

    def lost(self) -> None:
        """Takes the link as down: nothing is told until the positions were asked for anew, or `positions` is read."""
        self._is_up = False
        for account in self._accounts.values():
            account.named = None

    async def settled(self) -> None:
        """Asks about contracts held that are not known; waits (<= 3 s) until positions agree with the fills told."""
        await self._read_contracts(self._accounts.values())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while any(account.holdings.differs() for account in self._accounts.values()):
                    self._news.clear()
                    await self._news.wait()

    def values(self, account_id: AccountId) -> AccountValues:
        """Returns an account's money; Nones where TWS did not say or the account is not kept in dollars."""
        account = self._account(account_id)
        return account.figures.values(account.figures_at_utc or self._clock.now_utc())

    def positions(self, account_id: AccountId, at_utc: datetime) -> tuple[UnifiedPosition, ...]:
        """Returns what TWS says is held, as of `at_utc` (TWS's clock) or of the newest fill told, if that is later.

        Contracts that nobody could read are missing; each was listed by a NoticeEvent.
        """
        self._tws_ahead = at_utc - self._clock.now_utc()
        self._is_up = True
        return self._told(self._account(account_id), at_utc)

    def positions_as_of(self, account_id: AccountId) -> datetime | None:
        """Returns as of when the positions last told of an account are."""
        return self._account(account_id).holdings.as_of_utc

    async def run(self) -> None:
        """Tells changes and asks about unknown contracts, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_telling(), name="ibkr-accounts")
            tasks.create_task(self._keep_reading(), name="ibkr-contracts-held")

    # --- holdings -----------------------------------------------------------------------------------------------------

    def _take_holding(self, account: _Account, fact: PositionFact | PortfolioFact) -> None:
        con_id = fact.contract.con_id
        if account.named is not None and fact.quantity:
            account.named.add(con_id)
        contract = self._catalog.by_con_id(con_id)
        account.unread.pop(con_id, None)
        if contract is not None:
            self._hear(account, fact, contract)
        elif fact.quantity:
            account.unread[con_id] = fact
            self._unread.set()

    def _lend_price(self, account: _Account, fact: PortfolioFact) -> None:
        contract = self._catalog.by_con_id(fact.contract.con_id)
        if contract is None or fact.average_cost is None:
            return
        if account.holdings.lend_price(contract.key, fact.average_cost / contract.multiplier):
            self._note_news(account)

    def _hear(self, account: _Account, fact: PositionFact | PortfolioFact, contract: Contract) -> None:
        if fact.quantity:
            account.keys[fact.contract.con_id] = contract.key
        else:
            account.keys.pop(fact.contract.con_id, None)
        account.heard_at_utc = self._clock.now_utc()
        price = None if fact.average_cost is None else fact.average_cost / contract.multiplier
        if account.holdings.hear(Held(contract, fact.quantity, price), _now_s()):
            self._note_news(account)

    def _note_news(self, account: _Account) -> None:
        account.news_s = _now_s()
        if account.first_news_s is None:
            account.first_news_s = account.news_s
        self._changed.set()
        self._news.set()

    def _told(self, account: _Account, at_utc: datetime | None) -> tuple[UnifiedPosition, ...]:
        account.news_s = account.first_news_s = None
        for contract in account.holdings.without_price():
            self._list(
                account.holdings.account_id,
                contract.conid,
                "cost",
                f"TWS does not say what {contract.label} cost: it is shown at 0, its profit is not to be relied on.",
            )
        return account.holdings.tell(at_utc)

    # --- telling ------------------------------------------------------------------------------------------------------

    async def _keep_telling(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            for account_id, account in list(self._accounts.items()):
                self._tell_values(account_id, account)
                self._tell_positions(account_id, account)
            await asyncio.sleep(_BEAT_S)

    def _tell_values(self, account_id: AccountId, account: _Account) -> None:
        if not account.figures_changed:
            return
        account.figures_changed = False
        base = account.figures.base_currency
        if base not in ("", DOLLARS) and account_id not in self._said_currency:
            self._said_currency.add(account_id)
            text = f"{account_id} is kept in {base}, not in US dollars: its value, cash and margin are not shown."
            self._emit(NoticeEvent(_ACCOUNTS, text))
        if base:
            self._emit(AccountEvent(self.values(account_id)))

    def _tell_positions(self, account_id: AccountId, account: _Account) -> None:
        if account.news_s is None or not account.holdings.was_told:
            return
        now_s = _now_s()
        ends_s = account.holdings.patience_ends_s()
        if not self._is_up or (ends_s is None and not _is_quiet(account, now_s)) or (ends_s or now_s) > now_s:
            self._changed.set()
            return
        at_utc = None
        if ends_s is not None and account.heard_at_utc is not None:
            # Fills that explain it may come late, or never (another client's). They are in what is told now.
            at_utc = (account.heard_at_utc + self._tws_ahead).replace(microsecond=0)
        told = self._told(account, at_utc)
        self._emit(PositionsEvent(account_id, told, account.holdings.as_of_utc))

    # --- contracts ----------------------------------------------------------------------------------------------------

    async def _keep_reading(self) -> None:
        while True:
            await self._unread.wait()
            self._unread.clear()
            if not await self._read_contracts(self._accounts.values()):
                await asyncio.sleep(_ASK_AGAIN_S)
                self._unread.set()

    async def _read_contracts(self, accounts: Iterable[_Account]) -> bool:
        """Asks about every contract held that is not known; False when one has to be asked about again."""
        wanted = [
            (account, fact)
            for account in accounts
            for con_id, fact in account.unread.items()
            if (account.holdings.account_id, con_id) not in self._unreadable
        ]
        answers = await asyncio.gather(*(self._read(account, fact) for account, fact in wanted))
        return all(answers)

    async def _read(self, account: _Account, asked: PositionFact | PortfolioFact) -> bool:
        con_id, account_id = asked.contract.con_id, account.holdings.account_id
        name = asked.contract.local_symbol or asked.contract.symbol
        held = f"{account_id} holds {asked.quantity.normalize():f} of {name} (contract {con_id})"
        try:
            contract = await self._catalog.contract(asked.contract)
        except InvalidInput as error:
            self._unreadable.add((account_id, con_id))
            self._list(account_id, con_id, "unread", f"{held}, which the desk cannot read; it is in no figure. {error}")
            return True
        except BrokerFailure as failure:
            _LOG.info("contract %s of a position not read: %s", con_id, failure)
            text = f"{held}, about which TWS gave no answer; it is asked again, and missing until then."
            self._list(account_id, con_id, "unread", text)
            return False
        # What came meanwhile is newer than what was asked about.
        newest = account.unread.pop(con_id, None)
        if newest is not None:
            self._hear(account, newest, contract)
        return True

    def _list(self, account_id: AccountId, con_id: int, topic: str, text: str) -> None:
        if (account_id, con_id, topic) not in self._listed:
            self._listed.add((account_id, con_id, topic))
            self._emit(NoticeEvent(_POSITIONS, text))

    def _is_shown(self, account_id: AccountId) -> bool:
        return not self._settings.accounts or account_id in self._settings.accounts

    def _account(self, account_id: AccountId) -> _Account:
        account = self._accounts.get(account_id)
        if account is None:
            account = _Account(Holdings(account_id, BrokerName.IBKR), AccountFigures(account_id))
            self._accounts[account_id] = account
        return account


def _is_quiet(account: _Account, now_s: float) -> bool:
    news_s, first_s = account.news_s or 0.0, account.first_news_s or 0.0
    return now_s - news_s >= _QUIET_S or now_s - first_s >= _UNQUIET_S


def _now_s() -> float:
    """Monotonic seconds of the loop: a clock that is set must not hold up positions."""
    return asyncio.get_running_loop().time()
