"""Makes the analyst from the desk's settings."""

from __future__ import annotations

from collections.abc import Callable

from ai.analyst import Analyst
from ai.config import AnalystConfig, ModelProtocol
from models.clock import Clock
from models.config import AiSection
from models.secret_text import SecretText


class AnalystWorkshop:
    """Checks settings and makes an analyst that goes by them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def check(self, section: AiSection) -> None:
        """Raises InvalidInput, by field, for settings that cannot be used or would send the book in the clear."""
        config_of(section)

    def make(self, section: Callable[[], AiSection], key: Callable[[], SecretText | None]) -> Analyst:
        """Returns an analyst that goes by what these return whenever it is asked."""
        return Analyst(lambda: config_of(section()), key, self._clock)


def config_of(section: AiSection) -> AnalystConfig:
    """Returns what the settings mean; raises InvalidInput, by field."""
    return AnalystConfig(
        is_on=section.is_on,
        base_url=section.base_url,
        model=section.model,
        protocol=ModelProtocol(section.protocol),
        may_send_notes=section.may_send_notes,
        usd_per_million_in=section.usd_per_million_in or None,
        usd_per_million_out=section.usd_per_million_out or None,
    )
