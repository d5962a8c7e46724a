"""A model server on loopback and an analyst that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from ai.analyst import Analyst
from ai.config import AnalystConfig, ModelProtocol
from ai.failures import AnalystFailure
from models.clock import ManualClock
from models.ranking import RankingAnswer, RankingProgress, RankingTask
from models.secret_text import SecretText
from tests.ai.builders import NOW, task
from tests.simulators.openai.server import ModelServer

KEY = "sk-live-4f9d1c7be2a85036-canary"


class Rig:
    """An analyst before a server; `waits` are the pauses it took between tries, none of them real."""

    def __init__(self, server: ModelServer) -> None:
        self.server = server
        self.clock = ManualClock(NOW)
        self.key: SecretText | None = SecretText(KEY)
        self.waits: list[float] = []
        self.config = AnalystConfig(
            is_on=True,
            base_url=server.url,
            model="test-1",
            protocol=ModelProtocol.CHAT,
            usd_per_million_in=1.0,
            usd_per_million_out=10.0,
        )
        self.analyst = Analyst(lambda: self.config, lambda: self.key, self.clock, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def set(self, **changes: Any) -> None:
        self.config = replace(self.config, **changes)

    async def rank(self, what: RankingTask | None = None) -> RankingAnswer:
        """Ranks to the end."""
        events = [event async for event in self.analyst.rank(what or task())]
        answer = events[-1]
        assert isinstance(answer, RankingAnswer)
        progress = [each for each in events[:-1] if isinstance(each, RankingProgress)]
        assert len(progress) == len(events) - 1
        assert [each.received_chars for each in progress] == sorted({each.received_chars for each in progress})
        return answer

    async def fails(self, what: RankingTask | None = None) -> AnalystFailure:
        """Returns why a ranking failed."""
        with pytest.raises(AnalystFailure) as failed:
            await self.rank(what)
        return failed.value


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    serving = ModelServer()
    await serving.start()
    yield serving
    await serving.stop()


@pytest.fixture
def rig(server: ModelServer) -> Rig:
    return Rig(server)


@pytest.fixture(params=[ModelProtocol.CHAT, ModelProtocol.RESPONSES])
def spoken(request: pytest.FixtureRequest, rig: Rig) -> Rig:
    """The rig in each protocol."""
    rig.set(protocol=request.param)
    return rig
