"""The settings page's own view of Interactive Brokers: settings out of its form, and a connection tried with them."""

from __future__ import annotations

import importlib.util

from execution.brokers.ibkr.probe import ProbeReport, probe
from execution.brokers.ibkr.settings import IbkrSettings, IbLibraryName, mode_of_port
from execution.connection_views import Finding, IbkrForm, ProbeLine, ProbeView
from models.clock import Clock
from models.enums import Mode
from models.ids import AccountId


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
