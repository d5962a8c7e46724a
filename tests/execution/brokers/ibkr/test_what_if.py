from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from execution.brokers.ibkr.facts import IbMargins
from execution.brokers.ibkr.what_if import what_if_of
from execution.brokers.ibkr.wire_port import WhatIfReply
from tests.execution.brokers.ibkr.order_kit import NO_MARGINS

D = Decimal
REAL = IbMargins(
    D(1000), D(900), D(50000), D(400), D(350), D(-3), D(1400), D(1250), D(49997), D("4.20"), D(4), D(5), "USD", ""
)


def test_a_real_answer_has_margins_before_change_and_after_and_its_fee() -> None:
    answer = what_if_of(WhatIfReply(REAL, None))
    assert (answer.initial_margin_before, answer.initial_margin_change, answer.initial_margin_after) == (
        D(1000),
        D(400),
        D(1400),
    )
    assert (answer.maintenance_margin_before, answer.maintenance_margin_after) == (D(900), D(1250))
    assert (answer.equity_change, answer.buying_power_after, answer.fees) == (D(-3), D(48597), D("4.20"))
    assert answer.warning == "Commission between 4.00 and 5.00 dollars."
    assert answer.error is None


def test_a_range_of_commissions_is_counted_at_its_upper_end_and_told() -> None:
    answer = what_if_of(WhatIfReply(replace(REAL, commission=None), None))
    assert answer.fees == D(5)
    assert "between 4.00 and 5.00" in str(answer.warning)


def test_no_commission_at_all_stays_unknown() -> None:
    nothing = replace(REAL, commission=None, min_commission=None, max_commission=None)
    answer = what_if_of(WhatIfReply(nothing, None))
    assert answer.fees is None
    assert "no commission" in str(answer.warning)


def test_a_commission_in_another_currency_is_not_counted_as_dollars() -> None:
    answer = what_if_of(WhatIfReply(replace(REAL, commission_currency="EUR"), None))
    assert answer.fees is None
    assert "EUR" in str(answer.warning)


def test_silence_is_margin_unknown_with_the_warning_of_the_dropped_answer() -> None:
    answer = what_if_of(WhatIfReply(None, None, ("Order held until 09:30.",)))
    assert answer.initial_margin_after is None
    assert answer.fees is None
    assert "no answer" in str(answer.warning)
    assert "Order held until 09:30." in str(answer.warning)
    assert answer.error is None


def test_an_answer_without_figures_is_margin_unknown_and_never_zero() -> None:
    answer = what_if_of(WhatIfReply(replace(NO_MARGINS, warning_text="Being computed."), None))
    assert (answer.initial_margin_after, answer.maintenance_margin_after, answer.buying_power_after) == (None,) * 3
    assert "without figures" in str(answer.warning)
    assert "Being computed." in str(answer.warning)


def test_a_refusal_is_an_error_in_tws_s_words_with_what_to_do() -> None:
    answer = what_if_of(WhatIfReply(None, (321, "The API interface is currently in Read-Only mode.")))
    assert answer.error is not None
    assert "Read-Only mode" in answer.error
    assert "API settings" in answer.error
    assert answer.initial_margin_after is None
    assert answer.warning
