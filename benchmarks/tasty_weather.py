"""Ways in which the connection to Tastytrade breaks, and how each is mended."""

from __future__ import annotations

from enum import StrEnum
from random import Random

from benchmarks.storms import READY_WITHIN_S, Weather
from benchmarks.tasty_desk import SHORT, DeskOnTasty
from execution.brokers.paper.faults import Call, Failure
from tests.simulators.tastytrade.habits import Trouble


class Break(StrEnum):
    """What happens to the link."""

    CUT = "link cut"
    FLAP = "link cut twice, the second time while reconciling"
    BEFORE_SUBMIT = "cut before an order arrives"
    AFTER_SUBMIT = "cut after an order arrived"
    BEFORE_REPLACE = "cut before a new price arrives"
    AFTER_REPLACE = "cut after a new price arrived"
    BEFORE_CANCEL = "cut before a cancel arrives"
    AFTER_CANCEL = "cut after a cancel arrived"
    IN_WHAT_IF = "cut in a dry run"
    IN_SNAPSHOT = "cut in the snapshot of a reconcile"
    IN_LOOK = "cut while an order is looked for"
    RESTART = "server stopped and started"
    HALF_OPEN = "everything half-open"
    LOST_ORDER = "order lost on its way, then cut"
    LOST_ANSWER = "answer to an order lost, then cut"
    LOST_PRICE_ANSWER = "answer to a new price lost, then cut"
    LOST_CANCEL_ANSWER = "answer to a cancel lost, then cut"
    ALERTS_RESET = "alert socket reset"
    ALERTS_ENDED = "alert socket ended without a word"
    ALERTS_CLOSED = "alert socket closed with a code"
    ALERTS_DEAF = "alert socket half-open"
    ALERTS_LOST = "alerts lost on a sound socket"
    ALERTS_REFUSED = "alert socket reset, its connect refused for a while"
    QUOTES_RESET = "quote socket reset"
    QUOTES_CLOSED = "quote socket closed with a code"
    QUOTES_DEAF = "quote socket half-open"
    SOCKETS_RESET = "both sockets reset"
    UPGRADES_REFUSED = "both sockets reset, upgrades answered with 503 for a while"
    TOKENS_ENDED = "access tokens ended"
    QUOTE_TOKENS_ENDED = "quote tokens ended"
    TOKENS_AND_SOCKETS = "access tokens ended and both sockets reset"
    SLOW_LOGIN = "access tokens ended, the login slow, alert socket reset meanwhile"
    BURST_500 = "burst of 500"
    BURST_502 = "burst of 502 in HTML"
    BURST_429 = "burst of 429"
    ANSWERS_LOST = "answers of REST lost"
    ANSWERS_RESET = "answers of REST reset"
    SLOW = "REST slow"


#: Which call of the script breaks the link, and whether it is still done.
_CALLS = {
    Break.BEFORE_SUBMIT: (Call.SUBMIT, Failure.DISCONNECT_BEFORE),
    Break.AFTER_SUBMIT: (Call.SUBMIT, Failure.DISCONNECT_AFTER),
    Break.BEFORE_REPLACE: (Call.REPLACE, Failure.DISCONNECT_BEFORE),
    Break.AFTER_REPLACE: (Call.REPLACE, Failure.DISCONNECT_AFTER),
    Break.BEFORE_CANCEL: (Call.CANCEL, Failure.DISCONNECT_BEFORE),
    Break.AFTER_CANCEL: (Call.CANCEL, Failure.DISCONNECT_AFTER),
    Break.IN_WHAT_IF: (Call.SIMULATE, Failure.DISCONNECT_BEFORE),
    Break.IN_SNAPSHOT: (Call.SNAPSHOT, Failure.DISCONNECT_BEFORE),
    Break.IN_LOOK: (Call.FIND_ORDERS, Failure.DISCONNECT_AFTER),
    Break.LOST_ORDER: (Call.SUBMIT, Failure.DROP),
    Break.LOST_ANSWER: (Call.SUBMIT, Failure.DONE_THEN_TIMEOUT),
    Break.LOST_PRICE_ANSWER: (Call.REPLACE, Failure.DONE_THEN_TIMEOUT),
    Break.LOST_CANCEL_ANSWER: (Call.CANCEL, Failure.DONE_THEN_TIMEOUT),
}
#: How answers of any path go wrong.
_ANSWERS = {
    Break.BURST_500: Trouble.STATUS_500,
    Break.BURST_502: Trouble.HTML_502,
    Break.BURST_429: Trouble.STATUS_429,
    Break.ANSWERS_LOST: Trouble.REPLY_LOST,
    Break.ANSWERS_RESET: Trouble.RESET,
    Break.SLOW: Trouble.SLOW,
}
_DEAF = {Break.ALERTS_DEAF: "alerts", Break.QUOTES_DEAF: "quotes"}
_RESETS = {
    Break.ALERTS_RESET: "alerts",
    Break.ALERTS_REFUSED: "alerts",
    Break.QUOTES_RESET: "quotes",
    Break.SOCKETS_RESET: "both",
    Break.UPGRADES_REFUSED: "both",
    Break.TOKENS_AND_SOCKETS: "both",
}
_CLOSES = {Break.ALERTS_CLOSED: "alerts", Break.QUOTES_CLOSED: "quotes"}
_LIFE_S, _SHORT_LIFE_S = 900, 30
_CODES = (1000, 1001, 1011, 1012)
_CUTS = {Break.CUT, Break.FLAP, *_CALLS}


class TastyWeather(Weather[Break, DeskOnTasty]):
    """Breaks and mends the link to Tastytrade."""

    def __init__(self, on: DeskOnTasty, rng: Random) -> None:
        super().__init__(on, rng, _CALLS)

    async def strike(self, kind: Break) -> None:
        if kind in _CUTS:
            self.disarm()
            self.on.simulator.cut_link()
        elif kind is Break.RESTART:
            await self.on.stop_far()
        elif kind in _ANSWERS:
            self._spoil_answers(_ANSWERS[kind])
        elif kind is Break.SLOW_LOGIN:
            await self._slow_login()
        else:
            self._end_tokens(kind)
            self._break_sockets(kind)

    async def _slow_login(self) -> None:
        """What is to leave waits for a token while the link breaks: it must not leave on the next one."""
        simulator, rng = self.on.simulator, self.rng
        # So short a life makes the library fetch a token for each request.
        self.on.habits.token_life_s = _SHORT_LIFE_S
        simulator.expire_tokens()
        await self.on.watch.until(lambda: False, 2 * SHORT.heartbeat_every_s)
        for _ in range(4):
            simulator.trouble(Trouble.SLOW, path="/oauth/token", delay_s=rng.uniform(0.3, 1.2))
        await self.on.watch.until(lambda: False, rng.uniform(0.05, 0.3))
        simulator.drop_sockets("alerts")

    def _spoil_answers(self, trouble: Trouble) -> None:
        """Half of the requests are done all the same."""
        for _ in range(self.rng.randint(6, 16)):
            delay_s, is_done = self.rng.uniform(0.2, 2.5), self.rng.random() < 0.5
            self.on.simulator.trouble(
                trouble, method="*", path="*", is_done=is_done or trouble is Trouble.SLOW, delay_s=delay_s
            )

    def _end_tokens(self, kind: Break) -> None:
        simulator = self.on.simulator
        if kind in (Break.TOKENS_ENDED, Break.TOKENS_AND_SOCKETS):
            simulator.expire_tokens()
        elif kind is Break.QUOTE_TOKENS_ENDED:
            simulator.expire_quote_tokens()

    def _break_sockets(self, kind: Break) -> None:
        simulator, habits = self.on.simulator, self.on.habits
        if kind is Break.ALERTS_REFUSED:
            habits.refuse_connect = "internal error"
        elif kind is Break.UPGRADES_REFUSED:
            habits.upgrade_status = 503
        if kind in _RESETS:
            simulator.drop_sockets(_RESETS[kind])
        elif kind in _CLOSES:
            simulator.drop_sockets(_CLOSES[kind], code=self.rng.choice(_CODES))
        elif kind in _DEAF:
            simulator.freeze_sockets(_DEAF[kind])
        elif kind is Break.ALERTS_ENDED:
            simulator.drop_sockets("alerts", hard=False)
        elif kind is Break.HALF_OPEN:
            simulator.half_open()
        elif kind is Break.ALERTS_LOST:
            simulator.lose_alerts(self.rng.randint(1, 5))

    async def mend(self, kind: Break) -> None:
        self.on.habits.refuse_connect, self.on.habits.upgrade_status = "", None
        self.on.habits.token_life_s = _LIFE_S
        if kind is Break.RESTART:
            await self.on.start_far()
        self.on.simulator.troubles.planned.clear()
        self.on.simulator.mend_link()
        if kind is Break.FLAP:
            await self.flap()

    async def noticed(self, kind: Break) -> None:
        """Waits until both sockets are heard; a lost alert is noticed by the next message, a heartbeat's answer."""
        simulator, watch = self.on.simulator, self.on.watch

        def are_sound() -> bool:
            alerts = [one.socket for one in simulator.parts.hub.listeners]
            quotes = [one.socket for one in simulator.parts.dxlink.sessions]
            return bool(alerts) and bool(quotes) and not any(one.peer.is_deaf for one in (*alerts, *quotes))

        await watch.until(lambda: False, 2 * SHORT.heartbeat_every_s if kind is Break.ALERTS_LOST else 0.05)
        await watch.until(are_sound, READY_WITHIN_S)

    def change_habits(self, number: int) -> None:
        habits, rng = self.on.habits, self.rng
        habits.disorder_seed = number if rng.random() < 0.3 else None
        habits.batches = rng.random() < 0.4
        habits.copies = rng.choice((1, 1, 2))
        habits.alerts_first = rng.random() < 0.7
        habits.staggered = rng.random() < 0.7
        habits.leg_gap_s = rng.choice((0.0, 0.0, 0.1))
        habits.tells_in_flight = rng.random() < 0.3
        habits.accepted_status = rng.choice(("Routed", "Received", "Routed"))
        habits.replace_delay_s = rng.choice((0.0, 0.05, 0.3))
        habits.late_empty_fills = rng.random() < 0.3
        habits.aborted_replacement = rng.choice(("Rejected", "Removed"))
        habits.full_format = rng.random() < 0.3
