"""The settings page's own view of Tastytrade: settings out of its form, and a connection tried with them.

A test is a session of its own beside the desk's: it logs in once, reads, and lets go. Nothing is sent to work, no
stream is opened, and no secret is in what it tells.
"""

from __future__ import annotations

from typing import Final

from execution.brokers.tastytrade.facts import TastyAccount
from execution.brokers.tastytrade.network_words import NO_CERTIFICATE, NO_NAME, NO_TLS, NOBODY_LISTENS
from execution.brokers.tastytrade.seam import preload_sdk
from execution.brokers.tastytrade.settings import TastyHost, TastySecrets, TastySettings
from execution.brokers.tastytrade.wire_port import Login
from execution.connection_views import SIMULATOR_HOST, Finding, ProbeLine, ProbeView, TastyForm
from models.clock import Clock
from models.enums import Mode
from models.errors import BrokerFailure, FailureKind
from models.ids import AccountId

_READ, _TRADE, _OPENID = "read", "trade", "openid"
_LIVE_QUOTES: Final = "api"
_PLACES: Final = {
    TastyHost.PRODUCTION: "Tastytrade",
    TastyHost.CERTIFICATION: "Tastytrade's certification sandbox",
}
_GRANT: Final = "at my.tastytrade.com under Manage > My Profile > API"
_READ_ALONG: Final = (
    "Something between here and Tastytrade reads along (a company's proxy, an antivirus), or this computer's clock or"
    " its list of authorities is wrong. No secret was sent."
)
_SEE: Final = (
    "See whether a browser reaches Tastytrade. After many refused logins it blocks an address for hours, and then just"
    " does not answer."
)
_AUTHORITIES: Final = {"owner": "you own it", "trade-only": "you may trade it", "read-only": "you may only look"}


def settings_of(form: TastyForm, base_url: str | None = None) -> TastySettings:
    """Returns the adapter's settings that a form means; `base_url` is where the simulator is, for its host."""
    is_simulated = form.host == SIMULATOR_HOST
    return TastySettings(
        host=TastyHost.PRODUCTION if is_simulated else TastyHost(form.host),
        base_url=base_url if is_simulated else None,
        accounts=frozenset(AccountId(name) for name in form.accounts),
        trading_accounts=frozenset(AccountId(name) for name in form.trading_accounts),
    )


async def try_connection(clock: Clock, simulator_url: str | None, form: TastyForm, secrets: TastySecrets) -> ProbeView:
    """Returns what a login with the form's settings finds; never raises for what Tastytrade or the network does."""
    if form.host == SIMULATOR_HOST and simulator_url is None:
        return _bad("The desk does not run on a simulated Tastytrade. Start it with --broker tastytrade --simulator.")
    settings = settings_of(form, simulator_url)
    await preload_sdk()
    from execution.brokers.tastytrade.session import TastySession  # noqa: PLC0415 - brings the SDK's parts

    odd: list[object] = []
    try:
        session = TastySession(settings, secrets, clock, alerts=odd.append, market=odd.extend)
        login = await session.open()
    except BrokerFailure as failure:
        return _bad(_why_no_login(settings, failure))
    try:
        quotes = _quotes(await session.quote_level())
    except BrokerFailure as failure:
        quotes = ProbeLine(Finding.NOTE, f"Quotes are not given: {failure}")
    finally:
        await session.close()
    return view_of(settings, login, quotes)


def view_of(settings: TastySettings, login: Login, quotes: ProbeLine) -> ProbeView:
    """Returns what was found as the page shows it: the session, what it may do, each account, the quotes."""
    place = "the simulated Tastytrade" if settings.base_url is not None else _PLACES[settings.host]
    lines = [ProbeLine(Finding.GOOD, f"Logged in to {place}."), *_scopes(login.scopes)]
    shown = [one for one in login.accounts if not settings.accounts or one.account_number in settings.accounts]
    lines += [_account(settings, one, login.scopes) for one in login.accounts]
    lines += _not_there(settings, login.accounts)
    is_usable = any(not one.is_closed for one in shown)
    if not is_usable:
        text = "There is no open account to show. Correct “Accounts to show”, or leave it empty to see all."
        lines.append(ProbeLine(Finding.BAD, text))
    return ProbeView(is_usable, (*lines, quotes))


# --- lines ------------------------------------------------------------------------------------------------------------


def _scopes(scopes: tuple[str, ...]) -> list[ProbeLine]:
    if not scopes:
        text = "What the grant allows cannot be read out of it: whether orders are allowed shows with the first."
        return [ProbeLine(Finding.NOTE, text)]
    lines = [ProbeLine(Finding.GOOD, f"The grant allows: {', '.join(scopes)}.")]
    if _READ not in scopes:
        lines.append(ProbeLine(Finding.BAD, f"It does not allow “{_READ}”. Make a new grant with it {_GRANT}."))
    if _TRADE not in scopes:
        text = f"It does not allow “{_TRADE}”: accounts are only watched. To trade, make a new grant with it {_GRANT}."
        lines.append(ProbeLine(Finding.NOTE, text))
    if _OPENID not in scopes:
        lines.append(ProbeLine(Finding.NOTE, f"“{_OPENID}” is not among it; the desk does not need it."))
    return lines


def _account(settings: TastySettings, account: TastyAccount, scopes: tuple[str, ...]) -> ProbeLine:
    kind = [account.account_type, account.margin_type or account.margin_or_cash]
    about = ", ".join([word for word in (*kind, _AUTHORITIES.get(account.authority, account.authority)) if word])
    nickname = f" “{account.nickname}”" if account.nickname else ""
    finding, use = _use(settings, account, scopes)
    return ProbeLine(finding, f"{account.account_number}{nickname} ({about}): {use}")


def _use(settings: TastySettings, account: TastyAccount, scopes: tuple[str, ...]) -> tuple[Finding, str]:
    """Tells what the desk would do with an account, and why not more."""
    number = AccountId(account.account_number)
    is_live = settings.mode is Mode.LIVE
    reasons = (
        (account.is_closed, "closed, not shown."),
        (bool(settings.accounts) and number not in settings.accounts, "not shown, by “Accounts to show”."),
        (account.is_frozen, "watched only: Tastytrade has frozen it."),
        (account.authority == "read-only", "watched only: its owner lets this login look, not trade."),
        (bool(scopes) and _TRADE not in scopes, "watched only: the grant does not allow “trade”."),
        (
            is_live and number not in settings.trading_accounts,
            "LIVE, watched only: to trade it, write it under “Accounts to trade”.",
        ),
    )
    why_not = next((text for is_so, text in reasons if is_so), None)
    if why_not is not None:
        return Finding.NOTE, why_not
    if is_live:
        return Finding.GOOD, "LIVE, real money: would be traded, after it was armed by hand."
    return Finding.GOOD, "would be traded; no real money."


def _not_there(settings: TastySettings, accounts: tuple[TastyAccount, ...]) -> list[ProbeLine]:
    """Tells of accounts that the settings name and the login does not have."""
    told = [one.account_number for one in accounts]
    return [
        ProbeLine(Finding.BAD, f"{name} is no account of this login, which has {', '.join(told) or 'none'}.")
        for name in sorted(settings.accounts | settings.trading_accounts)
        if name not in told
    ]


def _quotes(level: str) -> ProbeLine:
    if level == _LIVE_QUOTES or not level:
        return ProbeLine(Finding.GOOD, "Live quotes are given.")
    text = f"Quotes are of the kind “{level}”: delayed, or none at all, as the sandbox gives them."
    return ProbeLine(Finding.NOTE, text)


# --- what went wrong --------------------------------------------------------------------------------------------------


def _why_no_login(settings: TastySettings, failure: BrokerFailure) -> str:
    """Returns what happened and what to do, as plainly as it can be known."""
    said = failure.what.casefold()
    cures = _login_cures(settings.host) if failure.kind is FailureKind.AUTH else _network_cures(failure.kind)
    found = next((cure for words, cure in cures if words in said), failure.cure)
    return f"{failure.what} {found}".strip()


def _login_cures(host: TastyHost) -> tuple[tuple[str, str], ...]:
    """What to do about a refused login, by what Tastytrade said; the first that fits."""
    other = TastyHost.CERTIFICATION if host is TastyHost.PRODUCTION else TastyHost.PRODUCTION
    not_ours = (
        f"Either the refresh token was not copied whole, or it belongs to {other.value}: choose"
        f" {other.value.capitalize()} above, or make a new grant for {host.value} {_GRANT}."
    )
    return (
        ("revoked", f"The grant was taken back: make a new one {_GRANT} and enter its refresh token."),
        ("secret", "The client secret is not that of the app which the refresh token was granted to: enter both anew."),
        ("jwt", not_ours),
        ("token", not_ours),
        ("grant", not_ours),
    )


def _network_cures(kind: FailureKind) -> tuple[tuple[str, str], ...]:
    everything = ""
    last = "" if kind not in (FailureKind.OFFLINE, FailureKind.TIMEOUT) else _SEE
    return (
        (NO_CERTIFICATE, _READ_ALONG),
        (NO_TLS, "Something on the way does not let a secure connection through. No secret was sent."),
        (NO_NAME, "There is no network, or its name service does not answer."),
        (NOBODY_LISTENS, "A firewall may refuse it. See whether a browser reaches Tastytrade."),
        ("http 5", "That is a trouble of Tastytrade's own: try again in some minutes."),
        ("http 429", "Too much was asked at once: wait a minute."),
        *(((everything, last),) if last else ()),
    )


def _bad(text: str) -> ProbeView:
    return ProbeView(is_usable=False, lines=(ProbeLine(Finding.BAD, text),))
