from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from execution.brokers.ibkr.contract_codec import contract_of, ib_contract, qualified, refuse_unknown_kind
from execution.brokers.ibkr.contract_names import last_trade_day, parse_ib_date
from execution.brokers.ibkr.facts import IbContract, IbContractDetails
from models.contract import Contract, contract_of_occ
from models.contract_key import contract_of_key
from models.enums import Delivery, ExerciseStyle, InstrumentKind, Right, Settlement
from models.errors import InvalidInput
from models.ids import ContractKey
from models.occ import parse_occ
from models.product import flat_tick
from tests.execution.brokers.ibkr.generated import generated, trading_days
from tests.execution.brokers.ibkr.listings import details, future, future_option, index, option, stock

SPX = (416904, "SPX", "IND")


class TestFiveThousandContracts:
    """Every kind, generated from the exchanges' own calendar rather than ours."""

    def test_what_tws_says_comes_back_as_tws_says_it(self) -> None:
        seen: dict[ContractKey, IbContract] = {}
        for told, on in generated(5000):
            future_contract = None if on is None else contract_of(on, None)
            contract = contract_of(told, future_contract)
            ib = told.contract
            back = ib_contract(contract, contract.conid)
            assert _identity(back) == _identity(ib), contract.key
            assert contract_of(replace(told, contract=_as_asked(back, ib)), future_contract) == contract
            # Nothing that differs at IBKR shares a key of ours.
            assert _identity(seen.setdefault(contract.key, ib))[1:] == _identity(ib)[1:]
        assert len(seen) > 4000

    def test_an_option_keeps_its_occ_symbol_both_ways(self) -> None:
        options = [told for told, _ in generated(5000) if told.contract.sec_type == "OPT"]
        assert len(options) > 2500
        for told in options:
            occ = parse_occ(told.contract.local_symbol)
            contract = contract_of(told, None)
            assert contract.key == occ.padded() == told.contract.local_symbol
            assert parse_occ(contract.key) == occ
            assert parse_occ(occ.compact()) == occ
            by_table = contract_of_occ(occ)
            assert (by_table.key, by_table.settlement) == (contract.key, contract.settlement)
            assert ib_contract(by_table, 0).local_symbol == occ.padded()

    def test_every_key_can_be_read_again_by_the_product_table(self) -> None:
        for told, on in generated(5000):
            contract = contract_of(told, None if on is None else contract_of(on, None))
            again = contract_of_key(contract.key)
            assert again == contract
            shares = (InstrumentKind.STOCK, InstrumentKind.ETF)
            assert again.kind is contract.kind or {again.kind, contract.kind} <= set(shares)
            assert (again.right, again.strike, again.root) == (contract.right, contract.strike, contract.root)
            assert again.settlement is contract.settlement


def _identity(ib: IbContract) -> tuple[object, ...]:
    """What TWS finds a contract by; a share's listing and an option on a future's local name are TWS's to add."""
    own_words = "" if ib.sec_type in ("STK", "IND", "FOP") else ib.local_symbol
    trading_class = "" if ib.sec_type in ("STK", "IND") else ib.trading_class
    facts = (ib.symbol, ib.sec_type, ib.last_trade, ib.strike, ib.right, ib.multiplier, ib.exchange, ib.currency)
    return (ib.con_id, *facts, own_words, trading_class)


def _as_asked(back: IbContract, told: IbContract) -> IbContract:
    return replace(back, local_symbol=back.local_symbol or told.local_symbol)


class TestExpirations:
    def test_spx_expires_the_friday_after_its_last_trade_and_never_shares_a_key_with_spxw(self) -> None:
        am = contract_of(
            option(1, "SPX", date(2026, 12, 18), "P", "6000", under=SPX, last_trade=date(2026, 12, 17)), None
        )
        pm = contract_of(option(2, "SPXW", date(2026, 12, 18), "P", "6000", under=SPX), None)
        assert (am.key, am.settlement, am.expiry) == ("SPX   261218P06000000", Settlement.AM, date(2026, 12, 18))
        assert (pm.key, pm.settlement, pm.expiry) == ("SPXW  261218P06000000", Settlement.PM, date(2026, 12, 18))
        assert (ib_contract(am, 1).last_trade, ib_contract(pm, 2).last_trade) == ("20261217", "20261218")

    @pytest.mark.parametrize(
        ("expiry", "last_trade"),
        [
            (date(2025, 4, 17), date(2025, 4, 16)),  # third Friday is Good Friday
            (date(2026, 6, 18), date(2026, 6, 17)),  # third Friday is Juneteenth
            (date(2027, 6, 17), date(2027, 6, 16)),  # Juneteenth observed on the third Friday
        ],
    )
    def test_a_third_friday_that_is_a_holiday_moves_expiration_and_last_trade(
        self, expiry: date, last_trade: date
    ) -> None:
        told = option(1, "SPX", expiry, "C", "6000", under=SPX, last_trade=last_trade)
        contract = contract_of(told, None)
        assert (contract.expiry, contract.settlement) == (expiry, Settlement.AM)
        assert ib_contract(contract, 1).last_trade == f"{last_trade:%Y%m%d}"

    def test_a_half_day_is_a_trading_day_before_an_am_expiration(self) -> None:
        # 27 November 2026 closes at 13:00; Monday's AM options trade last on it.
        assert last_trade_day(date(2026, 11, 30), Settlement.AM) == date(2026, 11, 27)

    def test_last_trade_dates_agree_with_the_exchange_calendar(self) -> None:
        sessions = trading_days()
        wrong = {after for before, after in pairwise(sessions) if last_trade_day(after, Settlement.AM) != before}
        # The day of mourning in January 2025 followed no standing rule.
        assert wrong == {date(2025, 1, 10)}

    def test_a_date_that_tws_moved_into_its_own_zone_changes_neither_expiration_nor_settlement(self) -> None:
        shifted = option(1, "SPX", date(2026, 12, 18), "P", "6000", under=SPX, last_trade=date(2026, 12, 18))
        contract = contract_of(shifted, None)
        assert (contract.expiry, contract.settlement) == (date(2026, 12, 18), Settlement.AM)
        assert qualified(shifted, contract).last_trade == "20261217"
        late = option(2, "NFLX", date(2026, 2, 27), "C", "90", under=(3, "NFLX", "STK"), last_trade=date(2026, 2, 28))
        pm = contract_of(late, None)
        assert (pm.expiry, pm.key) == (date(2026, 2, 27), "NFLX  260227C00090000")
        assert qualified(late, pm).last_trade == "20260227"

    def test_a_sound_last_trade_date_is_sent_as_tws_told_it(self) -> None:
        odd = option(1, "SPX", date(2025, 1, 10), "P", "6000", under=SPX, last_trade=date(2025, 1, 8))
        assert qualified(odd, contract_of(odd, None)).last_trade == "20250108"

    def test_trading_that_ends_before_the_expiration_makes_an_option_am_whatever_the_table_says(self) -> None:
        told = option(1, "SPXW", date(2026, 12, 18), "P", "6000", under=SPX, last_trade=date(2026, 12, 17))
        assert contract_of(told, None).settlement is Settlement.AM

    def test_without_a_local_symbol_the_real_expiration_and_the_class_make_the_key(self) -> None:
        told = option(1, "SPX", date(2026, 12, 18), "P", "6000", under=SPX, last_trade=date(2026, 12, 17))
        nameless = replace(told, contract=replace(told.contract, local_symbol=""))
        assert contract_of(nameless, None).key == "SPX   261218P06000000"

    @pytest.mark.parametrize("text", ["", "202612", "2026121x", "20261340"])
    def test_what_is_no_date_is_none(self, text: str) -> None:
        assert parse_ib_date(text) is None


class TestFactsOfTheBroker:
    def test_the_multiplier_is_the_brokers(self) -> None:
        told = option(1, "AAPL7", date(2026, 5, 15), "C", "150", under=(2, "AAPL", "STK"), multiplier="150")
        contract = contract_of(told, None)
        assert (contract.multiplier, contract.root, contract.underlying) == (Decimal(150), "AAPL7", "AAPL")

    def test_a_share_class_keeps_ibkrs_name_and_its_options_their_root(self) -> None:
        share = contract_of(stock(7, "BRK B"), None)
        call = contract_of(option(8, "BRKB", date(2026, 6, 18), "C", "500", under=(7, "BRK B", "STK")), None)
        assert (share.key, call.key, call.underlying) == ("BRK B", "BRKB  260618C00500000", "BRK B")
        assert ib_contract(call, 8).symbol == "BRK B"

    @pytest.mark.parametrize(
        ("stock_type", "kind"),
        [("COMMON", InstrumentKind.STOCK), ("ETF", InstrumentKind.ETF), ("", InstrumentKind.STOCK)],
    )
    def test_shares_and_funds_are_told_apart_by_their_type(self, stock_type: str, kind: InstrumentKind) -> None:
        contract = contract_of(stock(1, "ARKK", stock_type=stock_type), None)
        assert (contract.kind, contract.multiplier, contract.conid) == (kind, Decimal(1), 1)

    def test_an_index_the_table_does_not_know_has_cash_options(self) -> None:
        djx = contract_of(option(1, "DJX", date(2026, 5, 15), "C", "450", under=(9, "DJX", "IND")), None)
        assert (djx.style, djx.delivery, djx.settlement) == (ExerciseStyle.EUROPEAN, Delivery.CASH, Settlement.PM)
        assert djx.tick == djx.net_tick == flat_tick("0.05")
        oex = contract_of(option(2, "OEX", date(2026, 5, 15), "C", "3000", under=(8, "OEX", "IND")), None)
        assert (oex.style, oex.delivery) == (ExerciseStyle.AMERICAN, Delivery.CASH)
        assert contract_of(index(9, "DJX"), None).kind is InstrumentKind.INDEX

    def test_an_unknown_index_option_that_stops_the_day_before_settles_at_the_opening(self) -> None:
        told = option(1, "DJX", date(2026, 5, 15), "C", "450", under=(9, "DJX", "IND"), last_trade=date(2026, 5, 14))
        assert contract_of(told, None).settlement is Settlement.AM

    def test_a_future_has_the_brokers_size_tick_and_date(self) -> None:
        told = future(5, "ES", 2026, 12, date(2026, 12, 18), multiplier="500", min_tick="0.5")
        contract = contract_of(told, None)
        assert (contract.key, contract.multiplier, contract.tick) == ("/ESZ6", Decimal(500), flat_tick("0.5"))
        assert (contract.expiry, contract.root, contract.conid) == (date(2026, 12, 18), "/ES", 5)

    def test_an_option_on_a_future_is_named_after_its_future_and_its_own_code(self) -> None:
        on = future(5, "ES", 2026, 12, date(2026, 12, 18))
        weekly = contract_of(_weekly(on), contract_of(on, None))
        assert weekly.key == "./ESZ6 E1AZ6 261204C6700"
        assert (weekly.underlying, weekly.root, weekly.multiplier) == ("/ESZ6", "E1A", Decimal(50))
        assert (weekly.settlement, weekly.style) == (Settlement.PM, ExerciseStyle.EUROPEAN)
        quarterly = future_option(7, on, "ES", "ESZ6", date(2026, 12, 18), "P", "6000.5")
        contract = contract_of(quarterly, contract_of(on, None))
        assert contract.key == "./ESZ6 ESZ6 261218P6000.5"
        assert (contract.settlement, contract.style) == (Settlement.AM, ExerciseStyle.AMERICAN)

    def test_oil_options_carry_the_futures_month_not_that_of_their_expiration(self) -> None:
        on = future(5, "CL", 2027, 1, date(2026, 12, 21), multiplier="1000", exchange="NYMEX")
        told = future_option(6, on, "LO", "LOF7", date(2026, 12, 16), "C", "70")
        contract = contract_of(told, contract_of(on, None))
        assert (contract.key, contract.style) == ("./CLF7 LOF7 261216C70", ExerciseStyle.AMERICAN)
        assert ib_contract(contract, 6).exchange == "NYMEX"


def _weekly(on: IbContractDetails) -> IbContractDetails:
    return future_option(6, on, "E1A", "E1AZ6", date(2026, 12, 4), "C", "6700")


class TestRefusals:
    @pytest.mark.parametrize(
        ("sec_type", "words"),
        [
            ("CRYPTO", "crypto currency"),
            ("BOND", "bond"),
            ("WAR", "warrant"),
            ("CFD", "contract for difference"),
            ("CASH", "currency pair"),
            ("FUND", "mutual fund"),
            ("CMDTY", "commodity"),
            ("IOPT", "structured product"),
            ("BAG", "combination"),
            ("XYZ", "XYZ"),
            ("", "none told"),
        ],
    )
    def test_what_the_desk_cannot_represent_is_refused_by_name(self, sec_type: str, words: str) -> None:
        told = details(IbContract(1, "THING", sec_type, exchange="SMART"))
        with pytest.raises(InvalidInput, match=f"THING is .*{words}"):
            contract_of(told, None)

    def test_foreign_currencies_are_refused_before_anything_is_asked(self) -> None:
        with pytest.raises(InvalidInput, match="SAP is in EUR"):
            refuse_unknown_kind(IbContract(1, "SAP", "STK", currency="EUR"))
        refuse_unknown_kind(IbContract(1, "", "", currency=""))

    def test_futures_the_desk_does_not_know_are_refused(self) -> None:
        told = future(1, "ZN", 2026, 12, date(2026, 12, 21), multiplier="1000", exchange="CBOT")
        with pytest.raises(InvalidInput, match=r"ZNZ6 \(ZN\) is not a futures product"):
            contract_of(told, None)
        # A longer name that merely starts like a known product is not that product.
        with pytest.raises(InvalidInput, match="ESXZ6"):
            contract_of(future(2, "ESX", 2026, 12, date(2026, 12, 21)), None)

    def test_an_option_on_a_future_needs_that_very_future(self) -> None:
        on = future(5, "ES", 2026, 12, date(2026, 12, 18))
        other = contract_of(future(6, "ES", 2027, 3, date(2027, 3, 19)), None)
        with pytest.raises(InvalidInput, match="the desk does not know"):
            contract_of(_weekly(on), None)
        with pytest.raises(InvalidInput, match="not on /ESH7"):
            contract_of(_weekly(on), other)

    def test_a_price_in_cents_is_refused(self) -> None:
        told = details(IbContract(1, "AAPL", "STK", exchange="SMART"), price_magnifier=100)
        with pytest.raises(InvalidInput, match="1/100"):
            contract_of(told, None)

    def test_a_share_named_like_an_index_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="cannot tell the two apart"):
            contract_of(stock(1, "RUT"), None)

    def test_an_option_whose_symbol_and_facts_contradict_is_refused(self) -> None:
        told = option(1, "SPXW", date(2026, 12, 18), "P", "6000", under=SPX)
        for wrong in ({"right": "C"}, {"strike": Decimal(6005)}, {"trading_class": "SPX"}):
            with pytest.raises(InvalidInput, match="its symbol says otherwise"):
                contract_of(replace(told, contract=replace(told.contract, **wrong)), None)

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"multiplier": ""}, "multiplier"),
            ({"multiplier": "-1"}, "multiplier"),
            ({"multiplier": "NaN"}, "multiplier"),
            ({"right": "?"}, "neither call nor put"),
            ({"strike": None}, "no strike"),
            ({"local_symbol": "2SPX  261218P06000000"}, "no OCC symbol"),
        ],
    )
    def test_an_option_without_a_needed_fact_is_refused(self, wrong: dict[str, object], words: str) -> None:
        told = option(1, "SPXW", date(2026, 12, 18), "P", "6000", under=SPX)
        broken = IbContract(**{**_fields(told.contract), **wrong})  # type: ignore[arg-type] # one field is wrong on purpose
        with pytest.raises(InvalidInput, match=words):
            contract_of(replace(told, contract=broken), None)

    def test_a_crypto_contract_of_ours_has_no_name_at_ibkr(self) -> None:
        coin = replace(contract_of(stock(1, "BTC"), None), kind=InstrumentKind.CRYPTO)
        with pytest.raises(InvalidInput, match="no name"):
            ib_contract(coin, 0)

    @pytest.mark.parametrize(
        "key",
        ["", "/", "/ESX", "/ZNZ6", "./ESZ6", "./ESZ6 E1AZ6 261304C6700", "./ZNZ6 OZNZ6 261204C110", "a b", "^VIX"],
    )
    def test_text_that_is_no_key_is_refused(self, key: str) -> None:
        with pytest.raises(InvalidInput):
            contract_of_key(ContractKey(key))


def _fields(ib: IbContract) -> dict[str, object]:
    return {name: getattr(ib, name) for name in IbContract.__slots__}


class TestSending:
    def test_a_position_without_exchange_is_sent_to_smart(self) -> None:
        told = option(1, "SPXW", date(2026, 12, 18), "P", "6000", under=SPX)
        bare = replace(told, contract=replace(told.contract, exchange=""), valid_exchanges=())
        assert qualified(bare, contract_of(bare, None)).exchange == "SMART"

    def test_a_future_goes_to_its_own_exchange(self) -> None:
        told = future(5, "GC", 2027, 2, date(2027, 2, 24), multiplier="100", exchange="COMEX")
        contract = contract_of(told, None)
        assert qualified(told, contract).exchange == "COMEX"
        bare = replace(told, contract=replace(told.contract, exchange=""))
        assert qualified(bare, contract).exchange == "COMEX"

    def test_a_futures_date_that_contradicts_its_expiration_is_left_out(self) -> None:
        told = future(5, "CL", 2027, 1, date(2026, 12, 21), multiplier="1000", exchange="NYMEX")
        shifted = replace(told, contract=replace(told.contract, last_trade="20261222"))
        sent = qualified(shifted, contract_of(shifted, None))
        assert (sent.last_trade, sent.con_id, sent.local_symbol) == ("", 5, "CLF7")

    def test_the_index_and_the_share_say_where_they_are_asked_for(self) -> None:
        assert ib_contract(contract_of_key(ContractKey("SPX")), 0) == IbContract(0, "SPX", "IND", exchange="CBOE")
        assert ib_contract(contract_of_key(ContractKey("AAPL")), 0) == IbContract(0, "AAPL", "STK", exchange="SMART")


def test_rights_and_strikes_survive_a_contract_made_from_its_key() -> None:
    contract: Contract = contract_of_key(ContractKey("./ESZ6 E1AZ6 261204C6700.5"))
    assert (contract.right, contract.strike, contract.root) == (Right.CALL, Decimal("6700.5"), "E1A")
    assert contract.expiry == date(2026, 12, 4)
    assert contract.expiry - timedelta(days=1) == date(2026, 12, 3)
