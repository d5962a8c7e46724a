"""A catalog for tests of quotes and accounts: knows what it was given, and counts what it was asked."""

from __future__ import annotations

import asyncio

from execution.brokers.ibkr.facts import IbContract
from models.contract import Contract
from models.errors import BrokerFailure, FailureKind, InvalidInput
from models.ids import ContractKey


class FakeCatalog:
    """`listed`: what TWS lists, by contract id. A question takes `answer_s`; of `silent` ids none is answered."""

    def __init__(self, *contracts: Contract, answer_s: float = 0.01) -> None:
        self.listed = {contract.conid: contract for contract in contracts}
        self.known: dict[int, Contract] = {}
        self.silent: set[int] = set()
        self.asked: list[ContractKey | int] = []
        self.answer_s = answer_s

    def know_all(self) -> None:
        self.known = dict(self.listed)

    def by_con_id(self, con_id: int) -> Contract | None:
        return self.known.get(con_id)

    async def contract(self, ib: IbContract) -> Contract:
        self.asked.append(ib.con_id)
        await self._answer(ib.con_id)
        if ib.con_id not in self.listed:
            raise InvalidInput("contract", f"TWS knows no contract {ib.con_id}.")
        self.known[ib.con_id] = self.listed[ib.con_id]
        return self.known[ib.con_id]

    async def con_id_of(self, contract: Contract) -> IbContract:
        self.asked.append(contract.key)
        await self._answer(contract.conid)
        if contract.conid not in self.listed:
            raise InvalidInput("contract", f"TWS does not list {contract.label}.")
        return ib(contract)

    async def _answer(self, con_id: int) -> None:
        await asyncio.sleep(self.answer_s)
        if con_id in self.silent:
            raise BrokerFailure(FailureKind.TIMEOUT, "TWS gave no answer.", broker="IBKR")


def ib(contract: Contract) -> IbContract:
    """Returns a contract as TWS names it in a position."""
    return IbContract(contract.conid, contract.underlying, "OPT" if contract.is_option else "STK")
