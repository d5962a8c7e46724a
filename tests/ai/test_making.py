from __future__ import annotations

from pathlib import Path

import pytest

from ai.config import ModelProtocol
from ai.making import AnalystWorkshop, config_of
from execution.hedging.analyst_desk import AnalystMaker
from models.clock import ManualClock
from models.config import load_config
from models.errors import InvalidInput
from models.secret_text import SecretText
from tests.ai.builders import NOW, task

DEFAULTS = Path(__file__).resolve().parents[2] / "assets" / "defaults.toml"
SECTION = load_config(DEFAULTS, None).ai


def test_what_the_desk_ships_with_is_off_and_sends_no_notes() -> None:
    config = config_of(SECTION)
    assert not config.is_on
    assert not config.may_send_notes
    assert config.base_url.startswith("https://")


def test_settings_become_the_analyst_s_and_no_price_is_no_cost() -> None:
    told = {"is_on": True, "model": "m", "protocol": "chat", "usd_per_million_in": 2.5, "usd_per_million_out": 0.0}
    config = config_of(SECTION.model_copy(update=told))
    assert (config.is_on, config.model, config.spoken) == (True, "m", ModelProtocol.CHAT)
    assert (config.usd_per_million_in, config.usd_per_million_out) == (2.5, None)


def test_settings_that_would_send_the_book_in_the_clear_are_refused_by_field() -> None:
    workshop: AnalystMaker = AnalystWorkshop(ManualClock(NOW))
    with pytest.raises(InvalidInput) as refused:
        workshop.check(SECTION.model_copy(update={"base_url": "http://models.example/v1"}))
    assert refused.value.field == "base_url"


def test_the_analyst_goes_by_the_settings_and_the_key_of_the_moment() -> None:
    sections = [SECTION.model_copy(update={"is_on": True, "model": "m"})]
    keys: list[SecretText | None] = [None]
    analyst = AnalystWorkshop(ManualClock(NOW)).make(lambda: sections[-1], lambda: keys[-1])
    assert "no API key" in analyst.unavailable()
    keys.append(SecretText("sk-1"))
    assert analyst.unavailable() == ""
    assert "Model: m\n" in analyst.payload_text(task())
    sections.append(SECTION)
    assert "switched off" in analyst.unavailable()
