from __future__ import annotations

import pytest

from execution.brokers.ibkr.advice import Trouble, advice_of, failure_of, port_name
from execution.brokers.ibkr.settings import IbkrSettings, IbLibraryName
from models.errors import FailureKind

SETTINGS = IbkrSettings(host="10.0.0.5", port=7496, client_id=31, library=IbLibraryName.IB_ASYNC)
#: What each sentence must name for a newcomer to find the switch.
MUST_NAME = {
    Trouble.REFUSED: ("7496 (TWS live)", "Enable ActiveX and Socket Clients", "7497", "4002", "4001"),
    Trouble.HOST_UNKNOWN: ("10.0.0.5", "127.0.0.1"),
    Trouble.UNREACHABLE: ("10.0.0.5", "firewall"),
    Trouble.NO_ANSWER: ("Accept incoming connection", "trusted IPs"),
    Trouble.CLOSED_AT_ONCE: ("trusted IPs", "localhost only", "another program"),
    Trouble.NOT_LOGGED_IN: ("login", "no account"),
    Trouble.CLIENT_ID_IN_USE: ("Client id 31", "another client id"),
    Trouble.TOO_OLD: ("10.30", "too old"),
    Trouble.READ_ONLY_API: ("Read-Only API", "untick"),
    Trouble.LIBRARY_MISSING: ("ib_async is not installed", "make run-ib-async", 'library = "ib_insync"', "Broker conn"),
    Trouble.LIBRARIES_BOTH: ("ib_insync", "ib_async", "only one"),
    Trouble.ACCOUNT_OF_OTHER_MODE: ("paper", "Log TWS in"),
    Trouble.PORT_OF_OTHER_MODE: ("7496 (TWS live)", "account"),
    Trouble.CLOCK_OFF: ("clock", "internet"),
}


@pytest.mark.parametrize("trouble", list(Trouble))
def test_every_trouble_says_what_happened_and_what_to_do(trouble: Trouble) -> None:
    advice = advice_of(trouble, SETTINGS)
    assert all(name in str(advice) for name in MUST_NAME[trouble])
    assert advice.what.endswith(".")
    assert advice.cure.endswith((".", ")."))


def test_sentences_are_all_different() -> None:
    assert len({str(advice_of(trouble, SETTINGS)) for trouble in Trouble}) == len(Trouble)


def test_each_library_names_its_own_environment_and_the_other_library() -> None:
    advice = advice_of(
        Trouble.LIBRARY_MISSING, IbkrSettings(library=IbLibraryName.IB_INSYNC), detail="the other one is"
    )
    assert "ib_insync is not installed (the other one is)." in advice.what
    assert '"make run")' in advice.cure
    assert 'library = "ib_async"' in advice.cure


def test_an_empty_host_is_called_empty() -> None:
    assert advice_of(Trouble.HOST_UNKNOWN, IbkrSettings(host=" ")).what == "No host is given."


def test_what_tws_said_is_passed_on() -> None:
    assert "(boom)" in advice_of(Trouble.CLOSED_AT_ONCE, SETTINGS, detail="boom").what


def test_a_failure_bears_its_kind_and_never_an_unknown_outcome() -> None:
    failure = failure_of(Trouble.CLIENT_ID_IN_USE, SETTINGS, code="326")
    assert (failure.kind, failure.code, failure.outcome_unknown) == (FailureKind.AUTH, "326", False)
    assert failure_of(Trouble.REFUSED, SETTINGS).kind is FailureKind.OFFLINE


def test_an_unusual_port_bears_no_name() -> None:
    assert (port_name(4002), port_name(5000)) == ("4002 (Gateway paper)", "5000")
