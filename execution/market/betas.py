"""Which beta to the S&P 500 a symbol has, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping

from models.enums import BetaSource
from models.errors import InvalidInput
from models.position import Beta
from models.product import EXACT_BETA_SYMBOLS, FUTURES, future_root

_ORDER = (BetaSource.OVERRIDE, BetaSource.TASTYTRADE, BetaSource.YFINANCE, BetaSource.CONFIG)
_GREATEST = 20.0


class BetaBook:
    """Cascade of beta sources (design section 4): the user's override, tastytrade, yfinance, config, default 1.0."""

    def __init__(self, config: Mapping[str, float]) -> None:
        self._by_source: dict[BetaSource, dict[str, float]] = {source: {} for source in _ORDER}
        self._by_source[BetaSource.CONFIG] = dict(config)
        self.version = 0

    def set_source(self, source: BetaSource, betas: Mapping[str, float]) -> None:
        """Replaces what one source says."""
        self._by_source[source] = dict(betas)
        self.version += 1

    def set_override(self, symbol: str, beta: float | None) -> None:
        """Sets or takes away the user's own beta; raises InvalidInput for an absurd one."""
        if beta is None:
            self._by_source[BetaSource.OVERRIDE].pop(symbol, None)
        elif not -_GREATEST <= beta <= _GREATEST:
            raise InvalidInput("beta", f"Beta {beta:g} for {symbol} is out of range (-20 to 20).")
        else:
            self._by_source[BetaSource.OVERRIDE][symbol] = beta
        self.version += 1

    @property
    def overrides(self) -> dict[str, float]:
        """The user's own betas."""
        return dict(self._by_source[BetaSource.OVERRIDE])

    def beta(self, symbol: str) -> Beta:
        """Returns the beta of an underlying; a default of 1.0 is marked as such, never passed off as known."""
        if symbol in EXACT_BETA_SYMBOLS:
            return Beta(symbol, 1.0, BetaSource.EXACT)
        for name in (symbol, _product(symbol)):
            for source in _ORDER:
                value = self._by_source[source].get(name)
                if value is not None:
                    return Beta(symbol, value, source)
        return Beta(symbol, 1.0, BetaSource.DEFAULT)


def _product(symbol: str) -> str:
    """Returns `/ES` for `/ESZ6`; other symbols unchanged."""
    if not symbol.startswith("/"):
        return symbol
    try:
        return future_root(symbol) if symbol not in FUTURES else symbol
    except KeyError:
        return symbol
