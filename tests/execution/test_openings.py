"""Which brokers a desk opens, and what becomes of several plans."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import main as program
from execution.brokers.joined import JoinedBroker
from execution.openings import BrokerPlan, join_plans, joined_options, plan_all, running_brokers
from models.clock import Clock, ManualClock, OffsetClock
from models.enums import BrokerName, Mode
from models.errors import KnownError
from models.ids import AccountId
from tests.execution.brokers.quiet_broker import QuietBroker
from tests.execution.orders.builders import NOW

BASE = ManualClock(NOW)


class Plans:
    """Plans of two brokers that note when they are ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ended: list[str] = []

    def plan(self, name: str, mode: Mode = Mode.PAPER, clock: Clock = BASE) -> BrokerPlan:
        async def close() -> None:
            self.ended.append(name)

        broker = QuietBroker(BASE, BrokerName(name.upper()), AccountId(name))
        return BrokerPlan(
            self.folder / f"{name}-x", f"{name}-x", mode, clock, f"place of {name}", lambda _k, _r: broker, close
        )


async def ended(plan: BrokerPlan) -> None:
    await plan.close()


@pytest.fixture
def plans(tmp_path: Path) -> Plans:
    return Plans(tmp_path)


def test_two_plans_are_one_desk_with_a_journal_of_its_own_whichever_is_the_primary(
    plans: Plans, tmp_path: Path
) -> None:
    one = join_plans([plans.plan("ibkr"), plans.plan("tastytrade")], tmp_path)
    other = join_plans([plans.plan("tastytrade"), plans.plan("ibkr")], tmp_path)
    assert one.folder == other.folder == tmp_path / "ibkr-x+tastytrade-x"
    assert one.environment == other.environment == "ibkr-x+tastytrade-x"
    assert one.market_label == "place of ibkr + place of tastytrade"
    made = other.make({}, False)
    assert isinstance(made, JoinedBroker)
    assert made.names == (BrokerName.TASTYTRADE, BrokerName.IBKR)
    asyncio.run(ended(one))
    assert sorted(plans.ended) == ["ibkr", "tastytrade"]


def test_one_plan_stays_what_it_is(plans: Plans, tmp_path: Path) -> None:
    plan = plans.plan("ibkr")
    assert join_plans([plan], tmp_path) is plan


def test_paper_and_live_are_refused_and_what_was_started_ends(plans: Plans, tmp_path: Path) -> None:
    modes = {"ibkr": Mode.PAPER, "tastytrade": Mode.LIVE}

    async def plan(name: str) -> BrokerPlan:
        return plans.plan(name, modes[name])

    with pytest.raises(KnownError, match="place of tastytrade is live and place of ibkr is paper"):
        asyncio.run(plan_all(("ibkr", "tastytrade"), plan, tmp_path))
    assert sorted(plans.ended) == ["ibkr", "tastytrade"]


def test_a_plan_that_fails_ends_the_other(plans: Plans, tmp_path: Path) -> None:
    async def plan(name: str) -> BrokerPlan:
        if name == "tastytrade":
            raise KnownError("The simulated broker did not start.")
        return plans.plan(name)

    with pytest.raises(KnownError, match="did not start"):
        asyncio.run(plan_all(("ibkr", "tastytrade"), plan, tmp_path))
    assert plans.ended == ["ibkr"]


def test_brokers_that_live_at_different_times_are_refused(plans: Plans, tmp_path: Path) -> None:
    late = OffsetClock(base=BASE, offset=timedelta(minutes=15))
    with pytest.raises(KnownError, match="different times"):
        join_plans([plans.plan("ibkr"), plans.plan("tastytrade", clock=late)], tmp_path)


@pytest.mark.parametrize(
    ("arguments", "settings", "wanted"),
    [
        ([], "", ("paper",)),
        ([], '[broker]\nname = "ibkr"\nalso = ["tastytrade"]\n', ("ibkr", "tastytrade")),
        (["--broker", "tastytrade"], '[broker]\nname = "ibkr"\nalso = ["tastytrade"]\n', ("tastytrade",)),
        (["--broker", "tastytrade,ibkr"], "", ("tastytrade", "ibkr")),
        (["--simulator"], "", ("ibkr",)),
        (["--broker", "ibkr,tastytrade", "--simulator"], "", ("ibkr", "tastytrade")),
    ],
)
def test_arguments_go_before_settings(
    tmp_path: Path, arguments: list[str], settings: str, wanted: tuple[str, ...]
) -> None:
    file = tmp_path / "optiondesk.toml"
    file.write_text(settings)
    parsed = program._parser().parse_args([*arguments, "--config", str(file), "--data-dir", str(tmp_path)])
    options = program._options(parsed)
    assert running_brokers(options, program.load_settings(options)) == wanted


@pytest.mark.parametrize("text", ["paper,ibkr", "ibkr,ibkr", "ibkr,nobody", ""])
def test_brokers_that_cannot_be_joined_are_wrong_usage(text: str) -> None:
    with pytest.raises(SystemExit):
        program._parser().parse_args(["--broker", text])


def test_simulators_of_a_pair_keep_their_books_apart_from_those_of_one(tmp_path: Path) -> None:
    parsed = program._parser().parse_args(["--simulator", "--data-dir", str(tmp_path)])
    options = program._options(parsed)
    assert joined_options(options, ("ibkr",)) == options
    both = joined_options(options, ("tastytrade", "ibkr"))
    assert both.data_dir == tmp_path / "simulated-ibkr+tastytrade"
    real = replace(options, simulator=False)
    assert joined_options(real, ("ibkr", "tastytrade")) == real
