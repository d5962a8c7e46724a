"""The recorded market: the file's strikes and prices, live from there."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from execution.brokers.paper.market import MarketSource
from execution.brokers.paper.recorded import RecordedMarket
from execution.brokers.port import ChainExpiry
from models.enums import Settlement
from models.errors import InvalidInput
from models.ids import ContractKey
from tests.execution.brokers.paper.chain_maker import DAY, EXPIRIES, SPOT, made_chain

START = datetime(2026, 5, 4, 19, 45, tzinfo=UTC)


def _file(tmp_path: Path, frame: pl.DataFrame, name: str = "chain.parquet") -> Path:
    path = tmp_path / name
    frame.write_parquet(path)
    return path


@pytest.fixture(scope="module")
def spx(shared_data: Path) -> RecordedMarket:
    return RecordedMarket([shared_data / "chain_SPX_2026-05-04.parquet"])


def test_it_starts_at_a_quarter_to_four_of_its_day_at_the_recorded_price(tmp_path: Path) -> None:
    market: MarketSource = RecordedMarket([_file(tmp_path, made_chain())])
    assert market.starts_at_utc == START
    assert market.level("QQQX") == Decimal(str(SPOT))
    assert market.label == "QQQX chain of 2026-05-04"
    assert market.environment == "recorded-QQQX-2026-05-04-7"
    assert market.underlyings() == ("QQQX",)


def test_without_spx_its_level_and_the_vix_are_unknown_and_not_invented(tmp_path: Path) -> None:
    market = RecordedMarket([_file(tmp_path, made_chain())])
    assert (market.level("SPX"), market.level("VIX"), market.resolve(ContractKey("VIX"))) == (None, None, None)


def test_strikes_and_expirations_are_those_of_the_file(tmp_path: Path) -> None:
    market = RecordedMarket([_file(tmp_path, made_chain())])
    listed = market.expiries("QQQX", START)
    assert tuple(one.expiry for one in listed) == EXPIRIES
    chain = market.chain(listed[0])
    assert [one.strike for one in chain[::2]] == [Decimal(strike) for strike in range(800, 1201, 10)]
    assert market.resolve(chain[5].key) == chain[5]
    assert market.resolve(ContractKey("QQQX  260508C00801000")) is None
    assert market.chain(ChainExpiry("QQQX", "QQQX", date(2027, 1, 15), Settlement.PM)) == ()


def test_the_file_s_trades_are_shown_on_its_own_day_and_live_ones_after(tmp_path: Path) -> None:
    frame = made_chain().with_columns(last=pl.lit(7.77), previous_close=pl.lit(6.66))
    market = RecordedMarket([_file(tmp_path, frame)])
    contracts = market.chain(market.expiries("QQQX", START)[1])
    first = market.quotes(contracts, START)
    assert {(quote.last, quote.previous_close) for quote in first} == {(Decimal("7.77"), Decimal("6.66"))}
    tomorrow = START + timedelta(days=1)
    market.advance(tomorrow)
    second = market.quotes(contracts, tomorrow)
    assert all(quote.last != Decimal("7.77") for quote in second)
    assert all(quote.previous_close != Decimal("6.66") for quote in second)


def test_the_multiplier_of_the_file_wins(tmp_path: Path) -> None:
    market = RecordedMarket([_file(tmp_path, made_chain().with_columns(multiplier=10))])
    assert market.chain(market.expiries("QQQX", START)[0])[0].multiplier == Decimal(10)


def test_a_saved_state_continues_the_same_market(tmp_path: Path) -> None:
    path = _file(tmp_path, made_chain())
    market, resumed = RecordedMarket([path]), RecordedMarket([path])
    market.advance(START + timedelta(hours=20))
    resumed.restore(json.loads(json.dumps(market.state())))
    for one in (market, resumed):
        one.advance(START + timedelta(hours=21))
    contracts = market.chain(market.expiries("QQQX", START)[2])
    assert market.quotes(contracts, START) == resumed.quotes(contracts, START)


def test_files_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    first = _file(tmp_path, made_chain(), "a.parquet")
    with pytest.raises(InvalidInput, match="at least one"):
        RecordedMarket([])
    with pytest.raises(InvalidInput, match=r"a\.parquet and a\.parquet both hold QQQX"):
        RecordedMarket([first, first])
    shifted = made_chain("OTHER").with_columns(pl.col("last_time").dt.offset_by("1d"))
    with pytest.raises(InvalidInput, match=r"b\.parquet is of 2026-05-05, a\.parquet of 2026-05-04"):
        RecordedMarket([first, _file(tmp_path, shifted, "b.parquet")])


def test_a_chain_of_old_trades_only_is_refused_and_says_why(tmp_path: Path) -> None:
    old = made_chain().with_columns(pl.col("last_time").dt.offset_by("-5d"), date=pl.lit(DAY))
    with pytest.raises(InvalidInput, match="558 last traded on an earlier day"):
        RecordedMarket([_file(tmp_path, old)])


def test_the_spx_chain_of_may_2026_is_live(spx: RecordedMarket) -> None:
    assert spx.level("SPX") == Decimal("7200.75")
    listed = spx.expiries("SPX", START)
    assert listed[0].expiry == date(2026, 5, 5)
    assert len({one.expiry for one in listed}) == 55
    assert spx.fit_reports["SPX"].rows == 29_948


def test_vix_and_vix3m_are_those_that_cboe_published_that_day(spx: RecordedMarket, shared_data: Path) -> None:
    closes = pl.read_parquet(shared_data / "daily_closes.parquet").filter(pl.col("date") == DAY)
    official = dict(closes.select("symbol", "close").rows())
    for symbol in ("VIX", "VIX3M"):
        level = spx.level(symbol)
        assert level is not None
        assert float(level) == pytest.approx(official[symbol], abs=0.2)


def test_mids_near_the_money_lie_at_the_recorded_closes(spx: RecordedMarket, shared_data: Path) -> None:
    frame = pl.read_parquet(shared_data / "chain_SPX_2026-05-04.parquet")
    last_minutes = (
        pl.col("last_time")
        .dt.convert_time_zone("UTC")
        .is_between(datetime(2026, 5, 4, 19, 55, tzinfo=UTC), datetime(2026, 5, 4, 20, 5, tzinfo=UTC))
    )
    near = (pl.col("strike") / 7200.75 - 1.0).abs() < 0.03
    later = pl.col("expiry").is_between(date(2026, 5, 8), date(2026, 12, 31))
    fresh = frame.filter(last_minutes & near & later & (pl.col("close") > 5.0))
    contracts = [
        spx.resolve(ContractKey(f"{root:<6}{symbol[-15:]}")) for root, symbol in fresh.select("root", "symbol").rows()
    ]
    quotes = spx.quotes([one for one in contracts if one is not None], START)
    assert len(quotes) == fresh.height > 200
    mids = np.array([float(quote.mid or 0) for quote in quotes])
    assert np.median(np.abs(mids / fresh["close"].to_numpy() - 1.0)) < 0.012
