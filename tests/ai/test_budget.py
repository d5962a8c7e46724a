from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ai.budget import CoolDowns, cost_usd
from ai.config import AnalystConfig
from tests.ai.builders import NOW


def test_the_cost_is_the_tokens_at_their_prices_or_not_known() -> None:
    config = AnalystConfig(usd_per_million_in=2.5, usd_per_million_out=10.0)
    assert cost_usd(config, 10_000, 2_000) == pytest.approx(0.045)
    assert cost_usd(config, None, 2_000) is None
    assert cost_usd(config, 10_000, None) is None
    assert cost_usd(replace(config, usd_per_million_in=None), 1, 1) is None
    assert cost_usd(replace(config, usd_per_million_in=0.0, usd_per_million_out=0.0), 1, 1) == 0.0


def test_each_key_cools_down_by_itself() -> None:
    rests = CoolDowns()
    rests.start("a", NOW, 60.0)
    rests.start("b", NOW + timedelta(seconds=30), 60.0)
    assert rests.ends_at("a", NOW + timedelta(seconds=59)) == NOW + timedelta(seconds=60)
    assert rests.ends_at("a", NOW + timedelta(seconds=60)) is None
    assert rests.ends_at("b", NOW + timedelta(seconds=60)) == NOW + timedelta(seconds=90)
    assert rests.ends_at("c", NOW) is None


def test_a_rest_starts_anew_with_each_request() -> None:
    rests = CoolDowns()
    rests.start("a", NOW, 60.0)
    rests.start("a", NOW + timedelta(seconds=40), 60.0)
    assert rests.ends_at("a", NOW + timedelta(seconds=99)) == NOW + timedelta(seconds=100)


def test_without_a_cool_down_nothing_rests() -> None:
    rests = CoolDowns()
    rests.start("a", NOW, 0.0)
    assert rests.ends_at("a", NOW) is None


def test_a_grant_is_for_one_request_in_the_rest() -> None:
    rests = CoolDowns()
    rests.start("a", NOW, 60.0)
    rests.grant("a")
    assert rests.is_granted("a", NOW)
    assert rests.ends_at("a", NOW) is None
    rests.start("a", NOW, 60.0)
    assert not rests.is_granted("a", NOW)
    assert rests.ends_at("a", NOW) is not None


def test_a_grant_that_was_not_used_ends_with_the_rest() -> None:
    rests = CoolDowns()
    rests.start("a", NOW, 60.0)
    rests.grant("a")
    assert not rests.is_granted("a", NOW + timedelta(seconds=60))
    rests.start("b", NOW + timedelta(seconds=60), 60.0)
    rests.start("a", NOW + timedelta(seconds=61), 60.0)
    assert rests.ends_at("a", NOW + timedelta(seconds=62)) is not None
