"""The recorded market: real closing chains from files, fitted once and repriced live from there.

Desk time starts at 15:45 New York of the recorded day; the fit is of that day's close. Strikes and expirations are
those of the file. SPX absent means no SPX and no VIX: their levels are unknown, not invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np

from execution.brokers.paper.chain_file import ChainFile, read_chain_file
from execution.brokers.paper.fitted_smile import FittedSmile
from execution.brokers.paper.paths import PathEngine, PathSpec
from execution.brokers.paper.pricing import Asset
from execution.brokers.paper.simulated import Print, SimulatedMarket
from execution.brokers.paper.smile_fit import FitReport, FittedChain, FittedSeries, fit_chain
from execution.brokers.paper.surface import years_between
from execution.brokers.port import ChainExpiry
from execution.storage import SessionCalendar
from models.clock import require_utc
from models.contract import Contract, contract_of_occ, underlying_contract
from models.enums import Settlement
from models.errors import InvalidInput
from models.expiry import settlement_instant_utc
from models.ids import ContractKey
from models.product import option_product

RATE: Final = 0.0375
_BEFORE_CLOSE: Final = timedelta(minutes=15)
_REALISED_SHARE: Final = 0.88
_FACTOR_VOL: Final = 0.14
_LEVELS: Final = ("VIX", "VIX3M")
_VOL_YEARS: Final = 30.0 / 365.0
#: Correlation with the market factor given to what is not SPX.
_CORRELATION: Final = 0.65


@dataclass(frozen=True, slots=True)
class Loaded:
    """A chain file with its fit."""

    chain: ChainFile
    fit: FittedChain


class RecordedMarket(SimulatedMarket):
    """Chains of one day made live. Raises InvalidInput when a file is unusable or the files do not fit together."""

    def __init__(
        self, files: Sequence[Path], *, seed: int = 7, rate: float = RATE, sessions: SessionCalendar | None = None
    ) -> None:
        loaded = _load(files, rate)
        day = loaded[0].chain.recorded_on
        close = settlement_instant_utc(day, Settlement.PM)
        specs, assets = _paths_and_assets(loaded)
        starts_at_utc = require_utc(close - _BEFORE_CLOSE)
        names = "+".join(one.chain.underlying for one in loaded)
        super().__init__(
            label=f"{names} chain of {day}",
            environment=f"recorded-{names.replace('+', '-')}-{day}-{seed}",
            starts_at_utc=starts_at_utc,
            paths=PathEngine(specs, seed=seed, start_utc=starts_at_utc, sessions=sessions),
            assets=assets,
            listings=RecordedListings(loaded),
            rate=rate,
            sessions=sessions,
        )
        #: What each fit used and left out, by underlying.
        self.fit_reports: dict[str, FitReport] = {one.chain.underlying: one.fit.report for one in loaded}


def _load(files: Sequence[Path], rate: float) -> list[Loaded]:
    if not files:
        raise InvalidInput("file", "A recorded market needs at least one chain file.")
    loaded: list[Loaded] = []
    for path in files:
        chain = read_chain_file(path)
        for earlier in loaded:
            if earlier.chain.recorded_on != chain.recorded_on:
                raise InvalidInput(
                    "date",
                    f"Chain file {path.name} is of {chain.recorded_on}, {earlier.chain.path.name} of "
                    f"{earlier.chain.recorded_on}.",
                    cure="All chains of one market must be of one day; nothing was loaded.",
                )
            if earlier.chain.underlying == chain.underlying:
                raise InvalidInput(
                    "file",
                    f"Chain files {earlier.chain.path.name} and {path.name} both hold {chain.underlying}.",
                    cure="Give one file an underlying; nothing was loaded.",
                )
        fit = fit_chain(chain, rate=rate)
        if not fit.report.used:
            raise InvalidInput(
                "file",
                f"Chain file {path.name}: no price of it can be used ({_in_words(fit.report)}).",
                cure="Give a chain with prices of its own day; nothing was loaded.",
            )
        loaded.append(Loaded(chain, fit))
    return loaded


def _in_words(report: FitReport) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in report.left_out.items())


def _paths_and_assets(loaded: list[Loaded]) -> tuple[list[PathSpec], dict[str, Asset]]:
    """The market factor is SPX where it is loaded, otherwise a hidden one that no symbol shows."""
    vols = {one.chain.underlying: _REALISED_SHARE * _thirty_day_vol(one.fit) for one in loaded}
    factor_vol = vols.get("SPX", _REALISED_SHARE * _FACTOR_VOL)
    ordered = sorted(loaded, key=lambda one: one.chain.underlying != "SPX")
    specs = [] if "SPX" in vols else [PathSpec("(market)", 1.0, factor_vol, 1.0, 0.0)]
    assets: dict[str, Asset] = {}
    for one in ordered:
        symbol, fit = one.chain.underlying, one.fit
        smile = FittedSmile(
            expires_s=fit.expires_s,
            theta=fit.theta,
            shapes=fit.shapes,
            carry=fit.carry,
            fitted_at_s=fit.at_s,
            lean=fit.lean,
        )
        assets[symbol] = Asset(symbol, len(specs), smile, smile)
        beta = 1.0 if symbol == "SPX" else _CORRELATION * vols[symbol] / factor_vol
        specs.append(PathSpec(symbol, one.chain.underlying_price, vols[symbol], beta, _drift(fit)))
    return specs, assets


def _thirty_day_vol(fit: FittedChain) -> float:
    t = years_between(fit.at_s, fit.expires_s)
    return float(np.sqrt(np.interp(_VOL_YEARS, t, fit.theta / t)))


def _drift(fit: FittedChain) -> float:
    """The chain's own carry a year, from its middle expiries: the drift that keeps forwards consistent."""
    return float(np.median(fit.carry / years_between(fit.at_s, fit.expires_s)))


class RecordedListings:
    """What the files list, strikes and expirations exactly as in them; contracts are built when first asked for."""

    def __init__(self, loaded: Sequence[Loaded]) -> None:
        self._recorded_on = loaded[0].chain.recorded_on
        self._underlyings = tuple(one.chain.underlying for one in loaded)
        self._series: dict[ChainExpiry, tuple[ChainFile, FittedSeries]] = {}
        self._row_of: dict[ContractKey, tuple[ChainFile, int]] = {}
        for one in loaded:
            for series in one.fit.series:
                listed = ChainExpiry(one.chain.underlying, series.root, series.expiry, series.settlement)
                self._series[listed] = (one.chain, series)
                keys = one.chain.key
                self._row_of.update((ContractKey(keys[row]), (one.chain, row)) for row in series.rows)
        self._chains: dict[ChainExpiry, tuple[Contract, ...]] = {}
        self._contracts: dict[ContractKey, Contract] = {}
        self._prints: dict[ContractKey, Print] = {}

    def underlyings(self) -> tuple[str, ...]:
        """As the protocol says: in the order of the files."""
        return self._underlyings

    def expiries(self, underlying: str, today: date) -> tuple[ChainExpiry, ...]:
        """As the protocol says."""
        return tuple(one for one in self._series if one.underlying == underlying and one.expiry >= today)

    def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        """As the protocol says."""
        found = self._chains.get(expiry)
        if found is None:
            if expiry not in self._series:
                return ()
            chain, series = self._series[expiry]
            rows = sorted(series.rows, key=lambda row: (chain.strike[row], not chain.is_call[row]))
            found = self._chains[expiry] = tuple(self._contract(chain, row) for row in rows)
        return found

    def resolve(self, key: ContractKey) -> Contract | None:
        """As the protocol says."""
        if key in self._row_of:
            return self._contract(*self._row_of[key])
        is_level = key in _LEVELS and "SPX" in self._underlyings
        return underlying_contract(key) if key in self._underlyings or is_level else None

    def _contract(self, chain: ChainFile, row: int) -> Contract:
        key = ContractKey(chain.key[row])
        found = self._contracts.get(key)
        if found is None:
            size = chain.multiplier[row]
            multiplier = Decimal(repr(float(size))) if np.isfinite(size) else option_product(chain.root[row]).multiplier
            found = self._contracts[key] = contract_of_occ(key, multiplier=multiplier.normalize())
        return found

    def print_of(self, key: ContractKey, today: date) -> Print | None:
        """As the protocol says: the file's last and previous close, on its own day."""
        if today != self._recorded_on or key not in self._row_of:
            return None
        found = self._prints.get(key)
        if found is None:
            chain, row = self._row_of[key]
            found = self._prints[key] = Print(_money(chain.last[row]), _money(chain.previous_close[row]))
        return found

    def watch(self, prices: dict[str, float], today: date) -> None:
        """As the protocol says: the strikes are the file's, whatever the price does."""

    def state(self) -> dict[str, Any]:
        """As the protocol says: nothing changes."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """As the protocol says: nothing to restore."""


def _money(price: float) -> Decimal | None:
    return Decimal(repr(round(float(price), 4))) if np.isfinite(price) and price > 0 else None
