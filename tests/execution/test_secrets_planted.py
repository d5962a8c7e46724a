"""Twelve secrets through forty failures of the real Tastytrade session, everything logged: nothing of them anywhere."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from database.secret_store import VaultStore
from database.store import SqliteStorage, open_storage
from database.vault import Vault
from database.vault_format import KdfCost
from execution.brokers.tastytrade.facts import OddObject
from execution.brokers.tastytrade.session import TastySession
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings
from execution.redaction import Redactor, protect
from models.clock import ManualClock
from models.enums import BrokerName, Mode
from models.errors import BrokerFailure
from models.records import AuditKind, AuditRecord
from models.secret_text import LoginName, SecretText
from tests.execution.brokers.tastytrade.login_rig import LIMITS
from tests.execution.brokers.tastytrade.test_session_simulator import RESTING, condor
from tests.execution.secrets_rig import SECRETS, leaks, needles, spellings, told
from tests.simulators.tastytrade.auth import Logins
from tests.simulators.tastytrade.habits import AFTER_ACCEPTANCE, Trouble
from tests.simulators.tastytrade.replies import Refusal
from tests.simulators.tastytrade.stage import ACCOUNT, Stage, play
from tests.simulators.tastytrade.wire import HttpRequest, Reply, json_reply

WIRE_LOGGERS = ("tastytrade", "httpx2", "httpcore2")
PATIENT = replace(LIMITS, read_s=0.6, submit_s=0.6, stream_s=0.6, connect_s=0.6)
_LOG = logging.getLogger("execution.planted")


@dataclass
class Rig:
    """One stage for all failures; each has a session and a pair of secrets of its own."""

    stage: Stage
    storage: SqliteStorage
    monkeypatch: pytest.MonkeyPatch
    session: Any = None
    secrets: tuple[str, str] = ("", "")
    facts: list[Any] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    failures: int = 0

    @property
    def words(self) -> str:
        """What the server knows of our secrets, in every spelling."""
        return " ".join(spelling for secret in self.secrets for spelling in spellings(secret))

    def plant(self, number: int) -> None:
        """Gives the login two of the secrets, in turn."""
        self.secrets = SECRETS[number % 12], SECRETS[(number * 5 + 1) % 12]
        logins = self.stage.sim.parts.logins
        logins.client_secret, logins.refresh_token = self.secrets
        settings = TastySettings(base_url=self.stage.sim.url, timeouts=PATIENT)
        self.session = TastySession(
            settings, TastySecrets(*self.secrets), self.stage.clock, alerts=self.facts.append, market=self.facts.extend
        )

    async def expect(self, work: Awaitable[Any]) -> None:
        """Notes what a failure says, everywhere where the desk would."""
        try:
            self.texts.append(repr(await work))
        except BrokerFailure as failure:
            self.failures += 1
            self.texts.extend(told(failure))
            _LOG.exception("%s failed with %r", self.session, failure, extra={"reply": failure.code})
            await self.keep({"failure": failure.what, "cure": failure.cure, "code": failure.code})

    async def keep(self, state: dict[str, Any]) -> None:
        """Writes to the audit trail."""
        now = self.stage.clock.now_utc()
        await self.storage.audit([AuditRecord(AuditKind.UNKNOWN, None, None, ACCOUNT, now, state)])

    def echo(self, status: int, path: str) -> None:
        """Lets the server throw every secret back at us in a refusal."""
        sound = Logins.check

        def check(logins: Logins, request: HttpRequest) -> None:
            if path in request.path:
                raise Refusal(status, self.words[:80], self.words)
            sound(logins, request)

        self.monkeypatch.setattr(Logins, "check", check)

    def answer_login(self, answer: Callable[[str], Reply]) -> None:
        """Lets every login be answered so."""
        self.monkeypatch.setattr(Logins, "token", lambda *_: answer(self.words))


Path_ = Callable[[Rig], Awaitable[None]]


def login_answered(answer: Callable[[str], Reply]) -> Path_:
    async def fail(rig: Rig) -> None:
        rig.answer_login(answer)
        await rig.expect(rig.session.open())

    return fail


async def revoked(rig: Rig) -> None:
    rig.stage.habits.is_revoked = True
    await rig.expect(rig.session.open())


async def other_secret(rig: Rig) -> None:
    rig.stage.sim.parts.logins.client_secret = SECRETS[0][::-1]
    await rig.expect(rig.session.open())


async def other_grant(rig: Rig) -> None:
    rig.stage.habits.oauth_error_is_text = True
    rig.stage.sim.parts.logins.refresh_token = SECRETS[1][::-1]
    await rig.expect(rig.session.open())


async def nobody_there(rig: Rig) -> None:
    rig.stage.sim.cut_link()
    await rig.expect(rig.session.open())


LOGIN: dict[str, Path_] = {
    "login: revoked": revoked,
    "login: another client secret": other_secret,
    "login: another grant": other_grant,
    "login: nobody there": nobody_there,
    "login: refused with echo": login_answered(
        lambda words: json_reply(400, {"error": {"code": words, "message": words}})
    ),
    "login: refused in bare words": login_answered(
        lambda words: json_reply(400, {"error": words, "error_description": words})
    ),
    "login: HTML": login_answered(lambda words: Reply(502, f"<html>{words}</html>".encode(), "text/html", ())),
    "login: a token that fits no header": login_answered(
        lambda words: json_reply(200, {"access_token": words, "expires_in": 900})
    ),
}


def read_spoiled(trouble: Trouble) -> Path_:
    async def fail(rig: Rig) -> None:
        await rig.session.open()
        rig.stage.sim.trouble(trouble, method="GET", path="*/balances/*", times=9)
        await rig.expect(rig.session.balance(ACCOUNT))

    return fail


def read_echoed(status: int) -> Path_:
    async def fail(rig: Rig) -> None:
        await rig.session.open()
        rig.echo(status, "/positions")
        await rig.expect(rig.session.positions(ACCOUNT))

    return fail


async def odd_positions(rig: Rig) -> None:
    def edit(document: Any) -> Any:
        document["data"]["items"] = [{"symbol": rig.words, "quantity": rig.words}]
        return document

    await rig.session.open()
    rig.stage.sim.trouble(Trouble.EDITED, method="GET", path="*/positions", edit=edit)
    await rig.expect(rig.session.positions(ACCOUNT))
    assert any(isinstance(fact, OddObject) for fact in rig.facts)


READING: dict[str, Path_] = {
    f"read: {trouble.value}": read_spoiled(trouble)
    for trouble in (Trouble.HTML_502, Trouble.RESET, Trouble.TRUNCATED, Trouble.BROKEN_JSON, Trouble.STATUS_401)
} | {
    "read: 403 with echo": read_echoed(403),
    "read: 500 with echo": read_echoed(500),
    "read: odd objects with echo": odd_positions,
}


def order_spoiled(trouble: Trouble) -> Path_:
    async def fail(rig: Rig) -> None:
        await rig.session.open()
        rig.stage.sim.trouble(trouble)
        await rig.expect(rig.session.place(ACCOUNT, condor(RESTING)))

    return fail


def write_echoed(ask: Callable[[TastySession], Awaitable[Any]]) -> Path_:
    async def fail(rig: Rig) -> None:
        await rig.session.open()
        rig.echo(422, "/orders")
        await rig.expect(ask(rig.session))

    return fail


WRITING: dict[str, Path_] = {f"order: {trouble.value}": order_spoiled(trouble) for trouble in AFTER_ACCEPTANCE[:12]} | {
    "order: refused with echo": write_echoed(lambda session: session.place(ACCOUNT, condor(RESTING))),
    "what-if: refused with echo": write_echoed(lambda session: session.dry_run(ACCOUNT, condor(RESTING))),
    "cancel: refused with echo": write_echoed(lambda session: session.cancel(ACCOUNT, "17")),
    "replace: refused with echo": write_echoed(lambda session: session.replace(ACCOUNT, "17", condor(Decimal(-90)))),
}


def on_streams(work: Callable[[Rig], None]) -> Path_:
    async def fail(rig: Rig) -> None:
        await rig.session.open()
        await rig.session.start_alerts([ACCOUNT])
        await rig.session.start_quotes()
        work(rig)
        for _ in range(4):
            await rig.stage.pass_time(0.25)

    return fail


async def alerts_refused(rig: Rig) -> None:
    await rig.session.open()
    rig.stage.habits.refuse_connect = rig.words
    await rig.expect(rig.session.start_alerts([ACCOUNT]))


async def no_upgrade(rig: Rig) -> None:
    await rig.session.open()
    rig.stage.habits.upgrade_status = 502
    await rig.expect(rig.session.start_alerts([ACCOUNT]))


async def no_quote_token(rig: Rig) -> None:
    await rig.session.open()
    rig.echo(403, "/api-quote-tokens")
    await rig.expect(rig.session.start_quotes())


def tokens_ended(rig: Rig) -> None:
    rig.stage.sim.expire_tokens()
    rig.stage.sim.drop_sockets(hard=False)


STREAMS: dict[str, Path_] = {
    "alerts: refused with echo": alerts_refused,
    "alerts: no upgrade": no_upgrade,
    "quotes: no token, with echo": no_quote_token,
    "alerts: odd object with echo": on_streams(lambda rig: rig.stage.sim.send_odd(rig.words)),
    "alerts: no JSON, with echo": on_streams(lambda rig: rig.stage.sim.send_text(rig.words)),
    "quotes: error with echo": on_streams(
        lambda rig: rig.stage.sim.send_market(
            {"type": "ERROR", "channel": 0, "error": "UNAUTHORIZED", "message": rig.words}
        )
    ),
    "both: dropped hard": on_streams(lambda rig: rig.stage.sim.drop_sockets()),
    "both: tokens ended and link dropped": on_streams(tokens_ended),
}
FAILURES = LOGIN | READING | WRITING | STREAMS


@contextmanager
def debug_log(path: Path, redactor: Redactor) -> Iterator[None]:
    """Everything at DEBUG into one file, also what the adapter keeps the libraries from saying."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    protect(handler, redactor)
    root = logging.getLogger()
    loggers = [
        logging.getLogger(name)
        for name in (*WIRE_LOGGERS, *logging.root.manager.loggerDict)
        if name.split(".")[0] in WIRE_LOGGERS
    ]
    before = root.level, [(each, each.level, list(each.filters)) for each in loggers]
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for each in loggers:
        each.setLevel(logging.DEBUG)
        each.filters.clear()
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
        root.setLevel(before[0])
        for each, level, filters in before[1]:
            each.setLevel(level)
            each.filters[:] = filters


async def run_all(rig: Rig, log: Path, redactor: Redactor) -> None:
    for number, (name, fail) in enumerate(FAILURES.items()):
        rig.facts.clear()
        rig.plant(number)
        with rig.monkeypatch.context() as patched, debug_log(log, redactor):
            rig.monkeypatch = patched
            _LOG.debug("--- %s with %s", name, rig.session)
            _LOG.info("all of them: %s %r", [spellings(secret) for secret in SECRETS], {"told": SECRETS})
            try:
                await fail(rig)
            finally:
                await rig.session.close()
                rig.stage.sim.mend_link()
                habits = rig.stage.habits
                habits.is_revoked = habits.oauth_error_is_text = False
                habits.refuse_connect, habits.upgrade_status = "", None
                rig.stage.sim.troubles.planned.clear()
        rig.tokens |= set(rig.stage.sim.parts.logins._access)
        await rig.keep({"failed": name, "facts": [repr(fact) for fact in rig.facts]})
        rig.texts += [repr(rig.session), repr(rig.facts)]


@dataclass
class Aftermath:
    """What forty failures left behind."""

    folder: Path
    rig: Rig

    @property
    def wanted(self) -> frozenset[str]:
        """Every piece of a secret, and of every access token but for the head that all of them share."""
        return needles(SECRETS) | needles(token.split(".", 1)[1] for token in self.rig.tokens)

    def leaks_in(self, *names: str) -> dict[str, list[str]]:
        """Returns what is found in files."""
        files = [file for name in names for file in self.folder.glob(name)]
        assert len(files) >= len(names)
        found = {file.name: leaks(file.read_bytes().decode("utf-8", "replace"), self.wanted) for file in files}
        return {name: pieces[:3] for name, pieces in found.items() if pieces}


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    folder = tmp_path_factory.mktemp("planted")
    redactor = Redactor()
    store = VaultStore(Vault(folder / "secrets.vault", cost=KdfCost(64, 1, 1)), learn=redactor.learn)
    store.create(SecretText("correct horse battery staple"))
    for number, secret in enumerate(SECRETS):
        store.put(LoginName(BrokerName.TASTYTRADE, f"login{number}"), {"secret": SecretText(secret)})
    clock = ManualClock(datetime(2026, 11, 20, 15, 0, tzinfo=UTC))
    storage = open_storage(folder / "journal.sqlite", environment="tasty-test", mode=Mode.PAPER, clock=clock)
    rigs: list[Rig] = []

    async def scenario(stage: Stage) -> None:
        rigs.append(Rig(stage, storage, pytest.MonkeyPatch()))
        await run_all(rigs[0], folder / "debug.log", redactor)

    try:
        play(folder, scenario)
    finally:
        storage.close()
    return Aftermath(folder, rigs[0])


def test_there_were_twelve_secrets_forty_failures_and_everything_was_logged(aftermath: Aftermath) -> None:
    assert (len(SECRETS), len(FAILURES)) == (12, 40)
    assert aftermath.rig.failures >= 25
    assert len(aftermath.rig.tokens) >= 25
    written = (aftermath.folder / "debug.log").read_text("utf-8")
    assert all(each in written for each in ("DEBUG tastytrade", "INFO httpx2", "DEBUG httpcore2", "Traceback"))
    assert all(f"--- {name} with" in written for name in FAILURES)
    assert "sending alert subscription" in written


def test_no_byte_of_them_is_in_the_log_the_vault_the_journal_or_the_simulators_files(aftermath: Aftermath) -> None:
    assert not aftermath.leaks_in("debug.log", "secrets.vault*", "tasty*.sqlite*", "journal.sqlite*")


def test_no_byte_of_them_is_in_an_error_a_fact_or_a_row(aftermath: Aftermath) -> None:
    found = {text[:60]: leaks(text, aftermath.wanted)[:3] for text in aftermath.rig.texts}
    assert not {where: pieces for where, pieces in found.items() if pieces}
    assert not aftermath.leaks_in("journal.sqlite*")
