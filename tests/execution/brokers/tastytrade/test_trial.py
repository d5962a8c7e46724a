"""The settings page's test of a login: what it finds, and a plain cure for whatever stands in the way."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from execution.brokers.tastytrade import seam, trial
from execution.brokers.tastytrade.facts import TastyAccount
from execution.brokers.tastytrade.network_words import why_no_connection
from execution.brokers.tastytrade.settings import TastyHost, TastySecrets, TastySettings
from execution.brokers.tastytrade.wire_port import Login
from execution.connection_views import SIMULATOR_HOST, Finding, ProbeLine, ProbeView, TastyForm
from models.clock import SystemClock
from models.enums import Mode
from models.errors import BrokerFailure, FailureKind
from models.ids import AccountId
from tests.execution.brokers.tastytrade.jwt import refresh_token
from tests.execution.secrets_rig import SECRETS, leaks, needles
from tests.simulators.tastytrade.habits import Trouble
from tests.simulators.tastytrade.stage import Stage, play

FORM = TastyForm(login="main", host=SIMULATOR_HOST, accounts=(), trading_accounts=())
LIVE = TastySettings()
ACCOUNT = TastyAccount("5WX1", "Main", "Individual", "Margin", False, "Portfolio Margin", True, "owner")
QUOTES = ProbeLine(Finding.GOOD, "Live quotes are given.")
ALL = ("read", "trade", "openid")


def text_of(view: ProbeView) -> str:
    return "\n".join(line.text for line in view.lines)


def found(account: TastyAccount, settings: TastySettings = LIVE, scopes: tuple[str, ...] = ALL) -> str:
    """Returns the line about an account."""
    lines = trial.view_of(settings, Login((account,), scopes), QUOTES).lines
    return next(line.text for line in lines if line.text.startswith(account.account_number))


# --- what is told of a login ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "settings", "scopes", "said"),
    [
        (ACCOUNT, LIVE, ALL, "LIVE, watched only: to trade it"),
        (ACCOUNT, replace(LIVE, trading_accounts=frozenset({AccountId("5WX1")})), ALL, "LIVE, real money: would be"),
        (ACCOUNT, TastySettings(host=TastyHost.CERTIFICATION), ALL, "would be traded; no real money."),
        (ACCOUNT, LIVE, ("read",), "watched only: the grant does not allow “trade”."),
        (replace(ACCOUNT, authority="read-only"), LIVE, ALL, "you may only look): watched only: its owner"),
        (replace(ACCOUNT, is_frozen=True), LIVE, ALL, "Tastytrade has frozen it."),
        (replace(ACCOUNT, is_closed=True), LIVE, ALL, "closed, not shown."),
        (ACCOUNT, replace(LIVE, accounts=frozenset({AccountId("5WX2")})), ALL, "not shown, by “Accounts to show”."),
    ],
)
def test_each_account_is_told_with_what_the_desk_would_do_with_it(
    account: TastyAccount, settings: TastySettings, scopes: tuple[str, ...], said: str
) -> None:
    line = found(account, settings, scopes)
    assert line.startswith("5WX1 “Main” (Individual, Portfolio Margin, you ")
    assert said in line


def test_a_scope_that_is_missing_is_named_with_its_consequence() -> None:
    text = text_of(trial.view_of(LIVE, Login((ACCOUNT,), ("openid",)), QUOTES))
    assert "It does not allow “read”" in text
    assert "It does not allow “trade”: accounts are only watched" in text
    text = text_of(trial.view_of(LIVE, Login((ACCOUNT,), ("read", "trade")), QUOTES))
    assert "“openid” is not among it; the desk does not need it." in text
    assert "cannot be read out of it" in text_of(trial.view_of(LIVE, Login((ACCOUNT,), ()), QUOTES))


def test_accounts_that_the_login_does_not_have_make_the_settings_unusable_when_no_other_is_shown() -> None:
    view = trial.view_of(replace(LIVE, accounts=frozenset({AccountId("9ZZ9")})), Login((ACCOUNT,), ALL), QUOTES)
    assert not view.is_usable
    assert "9ZZ9 is no account of this login, which has 5WX1." in text_of(view)
    assert "There is no open account to show." in text_of(view)


def test_a_form_means_its_host_and_the_simulator_only_where_one_runs() -> None:
    assert trial.settings_of(replace(FORM, host="production"), "http://127.0.0.1:1").mode is Mode.LIVE
    assert trial.settings_of(replace(FORM, host="certification")).mode is Mode.PAPER
    assert trial.settings_of(FORM, "http://127.0.0.1:1").base_url == "http://127.0.0.1:1"


# --- against the simulator --------------------------------------------------------------------------------------------


def trying(
    tmp_path: Path,
    prepare: Callable[[Stage], None] = lambda _stage: None,
    *,
    secrets: Callable[[Stage], TastySecrets] | None = None,
    form: TastyForm = FORM,
) -> ProbeView:
    """Returns what a test of a login finds on a simulator."""
    views: list[ProbeView] = []

    async def scenario(stage: Stage) -> None:
        prepare(stage)
        own = TastySecrets(stage.sim.client_secret, stage.sim.refresh_token)
        asked = own if secrets is None else secrets(stage)
        views.append(await trial.try_connection(stage.clock, stage.sim.url, form, asked))

    play(tmp_path, scenario)
    return views[0]


def test_a_good_login_is_told_account_by_account_and_leaves_no_session_behind(tmp_path: Path) -> None:
    seen: list[Stage] = []
    view = trying(tmp_path, seen.append)
    assert view.is_usable
    assert [line.finding for line in view.lines] == [Finding.GOOD] * 5
    assert "you own it): would be traded; no real money." in text_of(view)
    assert "Live quotes are given." in text_of(view)
    asked = [getattr(each, "path", "") for each in seen[0].sim.requests]
    assert asked.count("/oauth/token") == 1
    assert "/streamer" not in asked


def test_a_grant_without_trade_shows_read_only_accounts(tmp_path: Path) -> None:
    def anyone(stage: Stage) -> None:
        stage.habits.any_login = True

    def looking_only(stage: Stage) -> TastySecrets:
        return TastySecrets(stage.sim.client_secret, refresh_token({"scope": "read"}))

    text = text_of(trying(tmp_path, anyone, secrets=looking_only))
    assert "The grant allows: read." in text
    assert "watched only: the grant does not allow “trade”." in text


def test_delayed_quotes_and_quotes_that_are_refused_are_told(tmp_path: Path) -> None:
    def delayed(stage: Stage) -> None:
        def edit(document: Any) -> Any:
            document["data"]["level"] = "demo"
            return document

        stage.sim.trouble(Trouble.EDITED, method="GET", path="/api-quote-tokens", edit=edit)

    assert "of the kind “demo”" in text_of(trying(tmp_path / "a", delayed))

    def refused(stage: Stage) -> None:
        stage.sim.trouble(Trouble.STATUS_403, method="GET", path="/api-quote-tokens")

    assert "Quotes are not given: " in text_of(trying(tmp_path / "b", refused))


SAID = {
    "revoked": (lambda stage: setattr(stage.habits, "is_revoked", True), "The grant was taken back: make a new one"),
    "another client secret": (
        lambda stage: setattr(stage.sim.parts.logins, "client_secret", "another-client-secret"),
        "The client secret is not that of the app",
    ),
    "another host's token": (
        lambda stage: setattr(stage.sim.parts.logins, "refresh_token", "another-refresh-token"),
        "or it belongs to certification: choose Certification above",
    ),
    "502": (
        lambda stage: stage.sim.trouble(Trouble.HTML_502, method="POST", path="/oauth/token", times=9),
        "That is a trouble of Tastytrade's own: try again in some minutes.",
    ),
    "429": (
        lambda stage: stage.sim.trouble(Trouble.STATUS_429, method="POST", path="/oauth/token", times=9),
        "Too much was asked at once: wait a minute.",
    ),
    "nobody listens": (lambda stage: stage.sim.cut_link(), "A firewall may refuse it."),
}


@pytest.mark.parametrize(("prepare", "cure"), SAID.values(), ids=SAID)
def test_what_stands_in_the_way_has_a_plain_cure(tmp_path: Path, prepare: Callable[[Stage], None], cure: str) -> None:
    view = trying(tmp_path, prepare)
    assert not view.is_usable
    (line,) = view.lines
    assert line.finding is Finding.BAD
    assert cure in line.text


@pytest.mark.parametrize("number", range(0, len(SECRETS), 2))
def test_nothing_secret_is_in_what_a_test_tells_even_when_the_server_throws_it_back(
    tmp_path: Path, number: int
) -> None:
    pair = SECRETS[number], SECRETS[number + 1]

    def echo(stage: Stage) -> None:
        def edit(_document: Any) -> Any:
            return {"error": {"code": pair[0], "message": f"no {pair[0]} and {pair[1]}"}}

        stage.sim.trouble(Trouble.EDITED, method="GET", path="*", times=99, edit=edit)
        stage.habits.any_login = True

    view = trying(tmp_path, echo, secrets=lambda _stage: TastySecrets(*pair))
    assert not leaks(repr(view), needles(pair))


def test_without_a_simulator_its_host_is_refused_in_words() -> None:
    async def run() -> ProbeView:
        return await trial.try_connection(SystemClock(), None, FORM, TastySecrets("a", "b"))

    assert "does not run on a simulated Tastytrade" in text_of(asyncio.run(run()))


# --- why there is no connection ---------------------------------------------------------------------------------------


def chained(*errors: BaseException) -> BaseException:
    """Returns the first error, raised because of the second, and so on."""
    for outer, inner in pairwise(errors):
        outer.__cause__ = inner
    return errors[0]


def certificate() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (chained(OSError("x"), certificate()), "its security certificate was not accepted (self-signed certificate)"),
        (chained(OSError("x"), RuntimeError("y"), ssl.SSLError("handshake")), "no secure connection came about"),
        (chained(OSError("x"), socket.gaierror(-2, "unknown")), "its name cannot be looked up"),
        (chained(OSError("x"), ExceptionGroup("all", [ConnectionRefusedError(111, "no")])), "nobody listens there"),
        (OSError("something else"), "the connection failed"),
    ],
)
def test_the_reason_is_found_in_the_chain_of_errors(error: BaseException, words: str) -> None:
    assert why_no_connection(error) == words


@pytest.mark.parametrize(
    ("what", "kind", "cure"),
    [
        ("its security certificate was not accepted (x).", FailureKind.OFFLINE, "a company's proxy, an antivirus"),
        ("no secure connection came about.", FailureKind.OFFLINE, "does not let a secure connection through"),
        ("its name cannot be looked up.", FailureKind.OFFLINE, "There is no network"),
        ("nothing came within 20 s.", FailureKind.OFFLINE, "blocks an address for hours"),
    ],
)
def test_each_network_trouble_has_its_cure(what: str, kind: FailureKind, cure: str) -> None:
    failure = BrokerFailure(kind, f"Tastytrade's login cannot be reached: {what}", broker="TASTYTRADE")
    assert cure in trial._why_no_login(LIVE, failure)


def test_a_certificate_that_is_not_accepted_is_told_by_a_real_handshake(tmp_path: Path) -> None:
    """A TLS server with a certificate of its own: the SDK's client refuses it before anything is sent."""
    heard: list[bytes] = []

    async def run() -> ProbeView:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.read(100))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=own_certificate(tmp_path))
        port = server.sockets[0].getsockname()[1]
        async with server:
            url = f"https://127.0.0.1:{port}"
            return await trial.try_connection(SystemClock(), url, FORM, TastySecrets("a" * 9, "b" * 9))

    assert "its security certificate was not accepted" in text_of(asyncio.run(run()))
    assert not any(heard)


def own_certificate(folder: Path) -> ssl.SSLContext:
    """Returns a server's TLS context with a certificate nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start.replace(year=2120))
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    file = folder / "both.pem"
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8
    file.write_bytes(key.private_bytes(pem, plain, serialization.NoEncryption()) + built.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_the_sdk_is_loaded_on_another_thread_and_quietened(monkeypatch: pytest.MonkeyPatch) -> None:
    where: list[str] = []
    monkeypatch.setattr(seam, "_import_sdk", lambda: where.append(threading.current_thread().name))
    asyncio.run(seam.preload_sdk())
    assert where == ["tastytrade-import"]
