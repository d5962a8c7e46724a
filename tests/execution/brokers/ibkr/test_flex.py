"""Whole Flex statements: what they tell, under the keys the live connection uses, and what is left out and why."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from execution.brokers.ibkr.contract_codec import contract_of
from execution.brokers.ibkr.facts import IbContract, IbContractDetails
from execution.brokers.ibkr.flex import read_statement
from execution.brokers.ibkr.flex_xml import StatementUnreadable
from models.enums import InstrumentKind, Settlement
from models.ids import AccountId, new_order_id
from models.statement import CashKind, Statement, StatementSection
from models.trade import Execution, ExecutionKind

SAMPLES = Path(__file__).parent / "flex_samples"
ACCOUNT = AccountId("DU5550001")
TRADE = (
    'currency="USD" assetCategory="STK" symbol="SPY" conid="756733" multiplier="1" tradeID="7" transactionID="900" '
    'dateTime="20261103;101502" transactionType="ExchTrade" quantity="10" tradePrice="671.2" ibCommission="-1" '
    'buySell="BUY" ibExecID="00018d97.1.01.01" levelOfDetail="EXECUTION"'
)


@pytest.fixture(scope="module")
def activity() -> Statement:
    return read_statement(SAMPLES / "activity.xml")


def executions(statement: Statement) -> dict[str, Execution]:
    return {line.execution.execution_id: line.execution for line in statement.trades if line.execution is not None}


def write(path: Path, rows: str, head: str = "", section: str = "Trades") -> Path:
    about = head or 'accountId="DU5550001" fromDate="20261102" toDate="20261106" whenGenerated="20261107;041500"'
    path.write_text(
        f"<FlexQueryResponse><FlexStatements><FlexStatement {about}><{section}>{rows}</{section}>"
        "</FlexStatement></FlexStatements></FlexQueryResponse>"
    )
    return path


def changed(**attributes: str) -> str:
    """The plain trade with other attributes; an empty text takes one away."""
    words = dict(part.split("=", 1) for part in TRADE.replace('" ', '"\n').split("\n"))
    words |= {name: f'"{value}"' for name, value in attributes.items()}
    return f"<Trade {' '.join(f'{name}={value}' for name, value in words.items())} />"


def reason(tmp_path: Path, **attributes: str) -> str:
    statement = read_statement(write(tmp_path / "x.xml", changed(**attributes)))
    assert not statement.trades
    (skipped,) = statement.skipped
    assert skipped.place == "Trade 1"
    return skipped.reason


def test_trades_carry_the_ids_that_the_live_connection_gives(activity: Statement) -> None:
    told = executions(activity)
    leg = told["0000e0d5.690b0001.02"]
    assert (leg.revision, leg.contract.key, leg.signed_quantity, leg.price) == (
        1,
        "SPXW  261106P06700000",
        Decimal(-2),
        Decimal("9.15"),
    )
    assert leg.executed_at_utc == datetime(2026, 11, 3, 15, 15, 2, tzinfo=UTC)
    assert (leg.contract.conid, leg.contract.multiplier, leg.contract.settlement) == (
        880000001,
        Decimal(100),
        Settlement.PM,
    )
    assert leg.broker_order_id == told["0000e0d5.690b0001.03"].broker_order_id == "flex:002e.0000e0d5.690b0000.0001"
    assert {each.account_id for each in told.values()} == {ACCOUNT}


def test_a_correction_is_a_cancel_and_a_higher_revision_of_the_same_execution(activity: Statement) -> None:
    lines = [line for line in activity.trades if line.trade_id == "1866099376" or line.cancels == "1866099376"]
    assert [(line.execution and (line.execution.revision, line.execution.quantity)) for line in lines] == [
        (1, Decimal(2)),
        None,
        (2, Decimal(1)),
    ]
    assert [line.line_no for line in lines] == sorted(line.line_no for line in lines)
    assert sum(line.fee or Decimal(0) for line in lines) == Decimal("1.0333")


def test_futures_and_their_options_have_the_desks_keys(activity: Statement) -> None:
    told = executions(activity)
    future, option = told["0000d3ca.69110001.01"].contract, told["0000d3ca.69110002.01"].contract
    assert (future.key, future.multiplier, future.expiry) == ("/ESZ6", Decimal(50), date(2026, 12, 18))
    assert (option.key, option.underlying, option.multiplier) == ("./ESZ6 E1AZ6 261204C6700", "/ESZ6", Decimal(50))


def test_what_expired_was_assigned_or_settled_is_told_as_that(activity: Statement) -> None:
    told = {line.trade_id: line for line in activity.trades if line.section is StatementSection.SETTLEMENTS}
    kinds = {trade_id: line.execution.kind for trade_id, line in told.items() if line.execution is not None}
    assert kinds == {
        "1866090001": ExecutionKind.CASH_SETTLEMENT,
        "1866090002": ExecutionKind.EXPIRED_WORTHLESS,
        "1866090003": ExecutionKind.ASSIGNMENT,
        "1866090004": ExecutionKind.ASSIGNMENT,
    }
    settled, shares = executions(activity)["trade-1866090001"], executions(activity)["trade-1866090004"]
    assert (settled.price, settled.cash_effect) == (Decimal("12.4"), Decimal(-2480))
    assert (shares.contract.key, shares.signed_quantity, shares.price) == ("AAPL", Decimal(100), Decimal(265))


def test_settlements_are_the_same_without_the_trades_section(tmp_path: Path, activity: Statement) -> None:
    text = (SAMPLES / "activity.xml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("<Trade ")]
    alone = tmp_path / "events.xml"
    alone.write_text("\n".join(lines))
    statement = read_statement(alone)
    expected = {key: one for key, one in executions(activity).items() if one.kind is not ExecutionKind.TRADE}
    found = executions(statement)
    assert found.keys() == expected.keys()
    for key, one in expected.items():
        assert (found[key].kind, found[key].price, found[key].signed_quantity, found[key].executed_at_utc) == (
            one.kind,
            one.price,
            one.signed_quantity,
            one.executed_at_utc,
        )
    assert not statement.days, "a statement that lists orders only holds no day of trades"


def test_cash_in_a_settlement_that_is_not_told_is_left_out_with_its_cure(tmp_path: Path) -> None:
    text = (SAMPLES / "activity.xml").read_text()
    cut = tmp_path / "cut.xml"
    cut.write_text("\n".join(line for line in text.splitlines() if "Cash Settlement" not in line))
    statement = read_statement(cut)
    assert "trade-1866090001" not in executions(statement)
    (skipped,) = [row for row in statement.skipped if row.section is StatementSection.SETTLEMENTS]
    assert "add the section Option Exercises, Assignments and Expirations" in skipped.reason


def test_cash_movements_are_sorted_by_what_they_are(activity: Statement) -> None:
    assert [(one.kind, one.amount, one.currency) for one in activity.cash] == [
        (CashKind.TRANSFER, Decimal(25000), "USD"),
        (CashKind.DIVIDEND, Decimal(26), "USD"),
        (CashKind.TAX, Decimal("-3.9"), "USD"),
        (CashKind.INTEREST, Decimal("41.27"), "USD"),
        (CashKind.FEE, Decimal("-1.5"), "USD"),
        (CashKind.INTEREST, Decimal("-0.84"), "EUR"),
    ]


def test_cash_without_ids_gets_the_same_id_every_time_and_twins_are_two(tmp_path: Path) -> None:
    row = '<CashTransaction currency="USD" dateTime="20261103" amount="-1" type="Other Fees" description="data" />'
    file = write(tmp_path / "cash.xml", row * 2, section="CashTransactions")
    first, second = read_statement(file).cash
    assert first.movement_id != second.movement_id
    assert read_statement(file).cash == (first, second)


def test_days_that_are_over_count_as_covered(activity: Statement, tmp_path: Path) -> None:
    (days,) = activity.days
    assert (days.account_id, days.first_day, days.last_day) == (ACCOUNT, date(2026, 11, 2), date(2026, 11, 13))
    today = 'accountId="DU5550001" fromDate="20261102" toDate="20261106" whenGenerated="20261106;120000"'
    (short,) = read_statement(write(tmp_path / "x.xml", changed(), today)).days
    assert short.last_day == date(2026, 11, 5)
    assert read_statement(SAMPLES / "confirms.xml").days == ()
    assert read_statement(write(tmp_path / "y.xml", "", section="CashTransactions")).days == ()
    assert len(read_statement(write(tmp_path / "z.xml", "")).days) == 1, "a day without trades is covered too"


def test_confirmations_are_read_as_preliminary_word_on_the_same_executions() -> None:
    (line,) = read_statement(SAMPLES / "confirms.xml").trades
    assert line.is_preliminary
    assert line.execution is not None
    assert (line.execution.execution_id, line.execution.price) == ("00018d97.69190001.01", Decimal("671.2"))
    assert line.execution.contract.kind is InstrumentKind.ETF
    assert (line.fee, line.line_no) == (Decimal(1), 0)


def test_what_is_left_out_is_listed_with_the_reason(activity: Statement) -> None:
    assert [(row.place, row.reason.split(";")[0]) for row in activity.skipped] == [
        ("Trade 14", "it is a currency exchange"),
        ("Trade 15", "it is in EUR"),
    ]
    assert dict(activity.passed_over)["CorporateActions"] == 1
    assert dict(activity.passed_over)["UnknownOfTomorrow"] == 2


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"ibExecID": ""}, "add IB Execution ID to the Flex Query"),
        ({"ibExecID": "", "transactionType": "BookTrade", "tradeID": ""}, "add Trade ID to the Flex Query"),
        ({"ibExecID": "a.99999999999999999999999"}, "is not one of Interactive Brokers'"),
        ({"dateTime": ""}, "add Date/Time to the Flex Query"),
        ({"dateTime": "20261103"}, "has no time of day"),
        ({"tradePrice": ""}, "its price is not told"),
        ({"quantity": ""}, "its quantity is not told"),
        ({"quantity": "0"}, "its quantity is 0"),
        ({"quantity": "ten"}, "'ten' is not a number"),
        ({"assetCategory": ""}, "add Asset Class to the Flex Query"),
        ({"assetCategory": "BOND"}, "it is a bond"),
        ({"assetCategory": "NEW"}, "of the asset class NEW"),
        ({"assetCategory": "FUT", "symbol": "6EZ6"}, "'6EZ6' is not a future the desk knows"),
        ({"assetCategory": "OPT", "symbol": "ODD", "expiry": "20261218"}, "whether it is a call or a put"),
        ({"assetCategory": "OPT", "symbol": "ODD", "expiry": "20261218", "putCall": "C"}, "its strike is not told"),
        ({"assetCategory": "FOP", "symbol": "E1A C6700"}, "is not the symbol of an option on a future"),
        ({"symbol": ""}, "its symbol is missing"),
        ({"currency": "JPY"}, "it is in JPY; the desk books dollars"),
        ({"transactionType": "TradeCancel", "tradeID": ""}, "add Orig Trade ID to the Flex Query"),
    ],
)
def test_a_reason_says_what_to_do(tmp_path: Path, attributes: dict[str, str], said: str) -> None:
    assert said in reason(tmp_path, **attributes)


def test_missing_and_odd_fields_do_not_stop_a_row(tmp_path: Path) -> None:
    row = changed(transactionID="", tradeID="", conid="n/a", ibCommission="", levelOfDetail="", transactionType="")
    (line,) = read_statement(write(tmp_path / "x.xml", row)).trades
    assert line.execution is not None
    assert (line.fee, line.execution.contract.conid, line.execution.account_id) == (None, 0, ACCOUNT)


def test_time_may_come_in_a_column_of_its_own_and_options_without_their_symbol(tmp_path: Path) -> None:
    row = changed(
        dateTime="", tradeDate="2026-11-03", tradeTime="10:15:02", assetCategory="OPT", symbol="SPXW 06NOV26 6700 P",
        strike="6,700", expiry="2026-11-06", putCall="P", multiplier="100",
    )  # fmt: skip
    (line,) = read_statement(write(tmp_path / "x.xml", row)).trades
    assert line.execution is not None
    assert line.execution.contract.key == "SPXW  261106P06700000"
    assert line.execution.executed_at_utc == datetime(2026, 11, 3, 15, 15, 2, tzinfo=UTC)


def test_our_own_order_is_known_by_its_reference_and_nothing_else_is(tmp_path: Path) -> None:
    ours = new_order_id()
    for reference, order_id in ((ours, ours), ("my weekly put", None)):
        (line,) = read_statement(write(tmp_path / "x.xml", changed(orderReference=reference))).trades
        assert line.execution is not None
        assert line.execution.order_id == order_id


def test_taxes_are_part_of_the_fee_and_fees_in_other_money_are_unknown(tmp_path: Path) -> None:
    rows = changed(taxes="-0.35") + changed(ibCommissionCurrency="EUR")
    assert [line.fee for line in read_statement(write(tmp_path / "x.xml", rows)).trades] == [Decimal("1.35"), None]


def test_a_correction_without_an_execution_id_names_the_trade_it_replaces(tmp_path: Path) -> None:
    row = changed(transactionType="TradeCorrect", ibExecID="", origTradeID="6", tradeID="8", tradePrice="671")
    (line,) = read_statement(write(tmp_path / "x.xml", row)).trades
    assert (line.cancels, line.execution is not None and line.execution.price) == ("6", Decimal(671))


def test_a_file_whose_days_contradict_each_other_is_refused(tmp_path: Path) -> None:
    rows = changed(dateTime="25/03/2026;101500") + changed(dateTime="03/25/2026;101500")
    with pytest.raises(StatementUnreadable, match="day first in some rows and the month first in others"):
        read_statement(write(tmp_path / "x.xml", rows))


def test_contracts_are_the_live_connections_own(activity: Statement) -> None:
    """The facts TWS tells of the same contracts make the same keys."""
    told = executions(activity)
    ibs = {
        "0000e0d5.690b0001.02": IbContract(880000001, "SPX", "OPT", "20261106", Decimal(6700), "P", "100",
            local_symbol="SPXW  261106P06700000", trading_class="SPXW"),
        "0000d3ca.69110001.01": IbContract(649180671, "ES", "FUT", "20261218", None, "", "50",
            local_symbol="ESZ6", trading_class="ES"),
        "0000d3ca.69110002.01": IbContract(760000001, "ES", "FOP", "20261204", Decimal(6700), "C", "50",
            local_symbol="E1AZ6 C6700", trading_class="E1A"),
        "00018d97.690a1c01.01": IbContract(265598, "AAPL", "STK", local_symbol="AAPL", trading_class="NMS"),
    }  # fmt: skip
    future = told["0000d3ca.69110001.01"].contract
    for execution_id, ib in ibs.items():
        mine = told[execution_id].contract
        live = contract_of(details_of(ib, under_con_id=future.conid), future)
        assert (mine.key, mine.multiplier, mine.settlement, mine.delivery, mine.conid) == (
            live.key,
            live.multiplier,
            live.settlement,
            live.delivery,
            live.conid,
        )


def details_of(ib: IbContract, under_con_id: int) -> IbContractDetails:
    return IbContractDetails(
        contract=ib,
        min_tick=None,
        valid_exchanges=("SMART",),
        market_rule_ids=(26,),
        real_expiration=None,
        last_trade_time="",
        time_zone="US/Eastern",
        under_con_id=under_con_id,
        under_symbol=ib.symbol,
        under_sec_type="",
        long_name="",
        stock_type="COMMON",
        contract_month="",
    )
