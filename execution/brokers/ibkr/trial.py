"""The settings page's own view of Interactive Brokers: settings out of its form, and a connection tried with them."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from typing import Final

from execution.brokers.ibkr.probe import ProbeReport, probe
from execution.brokers.ibkr.settings import IbkrSettings, IbLibraryName
from execution.connection_views import Finding, IbkrForm, ProbeLine, ProbeView
from models.clock import Clock
from models.enums import MarketDataKind, Mode
from models.ids import AccountId

#: A test beside a desk that holds the same client id on the same TWS takes another one.
_BESIDE: Final = 900


def settings_of(form: IbkrForm) -> IbkrSettings:
    """Returns the adapter's settings that a form means."""
    return IbkrSettings(
        host=form.host,
        port=form.port,
        client_id=form.client_id,
        mode=form.mode,
        library=IbLibraryName(form.library),
        read_only=form.read_only,
        accounts=frozenset(AccountId(name) for name in form.accounts),
        trading_accounts=frozenset(AccountId(name) for name in form.trading_accounts),
        allow_delayed=form.allow_delayed,
    )


def installed_libraries() -> tuple[str, ...]:
    """Returns the client libraries of this installation; importing none of them."""
    return tuple(name.value for name in IbLibraryName if importlib.util.find_spec(name.value) is not None)


async def try_connection(clock: Clock, running: IbkrSettings | None, form: IbkrForm) -> ProbeView:
    """Returns what a connection with the form's settings finds; `running` is what the desk holds open now."""
    settings = settings_of(form)
    if running is not None and _same_seat(running, settings):
        settings = replace(settings, client_id=settings.client_id + _BESIDE)
    return view_of(settings, await probe(settings, clock))


def view_of(settings: IbkrSettings, report: ProbeReport) -> ProbeView:
    """Returns a report as the page shows it: what is well, then what is worth knowing, then what stands in the way."""
    lines: list[ProbeLine] = []
    if report.server_version is not None:
        lines.append(
            ProbeLine(Finding.GOOD, f"TWS answers: server version {report.server_version}, through {report.library}.")
        )
    lines += [*_orders(settings, report), *_market_data(report)]
    kept = Finding.NOTE if report.is_ok else Finding.BAD
    lines += [ProbeLine(kept, problem) for problem in report.problems]
    return ProbeView(report.is_ok, tuple(lines), tuple(report.accounts))


def _orders(settings: IbkrSettings, report: ProbeReport) -> list[ProbeLine]:
    """Tells whether the desk could send, account by account where that differs."""
    if report.server_version is None:
        return []
    if settings.read_only:
        return [ProbeLine(Finding.NOTE, "The settings say to watch only: nothing can be sent.")]
    lines = []
    if report.is_api_read_only is False:
        lines.append(ProbeLine(Finding.GOOD, "A what-if was answered: orders are allowed."))
    elif report.is_api_read_only is None:
        text = "TWS did not answer a what-if of one share of SPY: whether it takes orders is not known."
        lines.append(ProbeLine(Finding.NOTE, text))
    for account, mode in report.accounts:
        if mode is Mode.LIVE and account not in settings.trading_accounts:
            text = f'{account} would be watched only: to trade it, write it under "Live accounts to trade".'
            lines.append(ProbeLine(Finding.NOTE, text))
    return lines


def _market_data(report: ProbeReport) -> list[ProbeLine]:
    if report.server_version is None:
        return []
    match report.market_data:
        case MarketDataKind.LIVE:
            return [ProbeLine(Finding.GOOD, "SPX is quoted live.")]
        case _ if report.quote_troubles:
            return [ProbeLine(Finding.NOTE, trouble) for trouble in report.quote_troubles]
        case None:
            return [ProbeLine(Finding.NOTE, "No SPX quote came: outside trading hours, or not subscribed.")]
        case _:
            text = "SPX comes delayed or frozen. Such quotes are labelled, and nothing is sent on them."
            return [ProbeLine(Finding.NOTE, text)]


def _same_seat(one: IbkrSettings, other: IbkrSettings) -> bool:
    return (one.host, one.port, one.client_id) == (other.host, other.port, other.client_id)
