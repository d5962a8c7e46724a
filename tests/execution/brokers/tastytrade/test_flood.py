"""A flood of quotes through the real SDK: all of it is read, little is told, and the newest of each is never lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from execution.brokers.port import QuotesEvent
from execution.brokers.tastytrade.broker import TastytradeBroker
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings
from models.quote import Quote
from tests.execution.brokers.paper.fake_market import spxw
from tests.execution.brokers.tastytrade.desk import FAST, TastyDesk
from tests.simulators.tastytrade.habits import Habits

CHAIN = [spxw(strike, right) for strike in range(6500, 7501, 50) for right in ("C", "P")]
EVENTS_PER_S, SECONDS, TURNS_PER_S = 500, 3, 20
INTERVAL_S = 0.5


class FloodedDesk(TastyDesk):
    """Takes the first contract's quotes as they come, the others' at most every half second."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, habits=Habits(crypto=None, paced_ticks=True))

    def new_broker(self) -> TastytradeBroker:
        secrets = TastySecrets(self.simulator.client_secret, self.simulator.refresh_token)
        settings = TastySettings(
            base_url=self.simulator.url, timeouts=FAST, refresh_interval_s=INTERVAL_S, prompt_subscriptions=1
        )
        return TastytradeBroker(settings=settings, secrets=lambda: secrets, clock=self.clock)

    def quotes(self) -> list[Quote]:
        return [quote for event in self.events if isinstance(event, QuotesEvent) for quote in event.quotes]

    async def until_quoted(self, bids: dict[str, Decimal]) -> None:
        """Waits until the newest told of each contract is this."""
        async with asyncio.timeout(20):
            while {quote.key: quote.bid for quote in self.quotes()} != bids:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.05)

    def move(self, cents: int) -> dict[str, Decimal]:
        """Gives every contract another market and returns its bids."""
        bids = {one.key: Decimal(100 * number + cents) / 100 for number, one in enumerate(CHAIN, start=1)}
        for contract in CHAIN:
            self.market.set_quote(contract, str(bids[contract.key]), "900")
        self.clock.advance(timedelta(seconds=0.25))
        self.step()
        return {str(key): bid for key, bid in bids.items()}


def test_three_seconds_of_five_hundred_quotes_a_second_are_few_and_end_with_the_newest_of_every_contract(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        desk = FloodedDesk(tmp_path)
        await desk.start()
        try:
            desk.broker.set_subscriptions(CHAIN)
            began = desk.move(1)
            await asyncio.sleep(1)
            desk.simulator.send_ticks(len(CHAIN))
            await desk.until_quoted(began)
            desk.events.clear()
            loop = asyncio.get_running_loop()
            before, began_s = desk.simulator.send_ticks(0), loop.time()
            for turn in range(SECONDS * TURNS_PER_S):
                desk.move(turn)
                sent = desk.simulator.send_ticks(EVENTS_PER_S // TURNS_PER_S)
                await asyncio.sleep(1 / TURNS_PER_S)
            assert sent - before >= EVENTS_PER_S * SECONDS, "Greeks come beside them"
            last = desk.move(99)
            desk.simulator.send_ticks(len(CHAIN))
            await desk.until_quoted(last)
            told, took_s = desk.quotes(), loop.time() - began_s
            at_times = [quote for quote in told if quote.key != CHAIN[0].key]
            assert len(at_times) <= (len(CHAIN) - 1) * (took_s / INTERVAL_S + 2)
        finally:
            await desk.stop()

    asyncio.run(work())
