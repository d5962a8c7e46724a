"""Published examples of textbook.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtri

from analytics.american import american, american_price
from analytics.black_scholes import black76, bsm, bsm_price
from analytics.implied_vol import implied_vol
from benchmarks.reference.lines import Line, document, line

_FILE = "textbook.json"
EUROPEAN_MODELS = frozenset({"bsm", "black76", "bsm_escrowed_dividends"})
_AMERICAN_BAR = 2e-6
_QD_PLUS, _JU = "american_qdplus_approx", "american_ju_approx"
_FIELDS = {
    "price": ("price", 1.0),
    "delta": ("delta", 1.0),
    "gamma": ("gamma", 1.0),
    "vega": ("vega_per_point", 100.0),
    "vega_1pct": ("vega_per_point", 1.0),
    "theta_year": ("theta_per_day", 365.0),
    "theta_day": ("theta_per_day", 1.0),
    "rho": ("rho_per_point", 100.0),
    "rho_1pct": ("rho_per_point", 1.0),
}


def textbook(folder: Path) -> list[Line]:
    """Returns European examples against what is printed, American ones against the true value the file gives.

    Printed American figures are mostly those of an approximation or a coarse tree: its error, not ours. For QD+ at its
    limits the file has no true value; those are told against the print, where spot, strike and time are above 0.
    """
    examples = document(folder / _FILE)["examples"]
    european = [one for one in examples if one["model"] in EUROPEAN_MODELS]
    early = [one for one in examples if one["model"] not in EUROPEAN_MODELS]
    exact = [one for one in early if one["exact"] is not None and one["quantity"] == "price"]
    premium = [one for one in early if one["quantity"] == "early_exercise_premium"]
    limits = [one for one in early if one["exact"] is None and one["model"] == _QD_PLUS and _is_alive(one["inputs"])]
    told, true = _column(limits, "published"), _column(exact, "exact")
    return [
        _printed("European, as printed", european, [european_figure(one) for one in european], 1.0),
        line(_FILE, "American, true value", "of max(S, K)", _american(exact), true, _tops(exact), _AMERICAN_BAR),
        _printed("American premium, as printed", premium, [_premium(one) for one in premium], 1.0),
        line(_FILE, "QD+ at its limits, as printed", "of max(S, K)", _american(limits), told, _tops(limits), None),
    ]


def _is_alive(inputs: dict[str, float]) -> bool:
    return all(inputs[name] > 0.0 for name in ("S", "K", "t"))


def _tops(examples: list[dict[str, Any]]) -> list[float]:
    return [max(one["inputs"]["S"], one["inputs"]["K"]) for one in examples]


def _printed(quantity: str, examples: list[dict[str, Any]], got: list[float], bar: float) -> Line:
    return line(_FILE, quantity, "of tolerance", got, _column(examples, "published"), _column(examples, "tol"), bar)


def _column(examples: list[dict[str, Any]], key: str) -> list[float]:
    return [float(one[key]) for one in examples]


def european_figure(example: dict[str, Any]) -> float:
    """What the book prints, from our values; d1, d2 and rho_q by the identities that tie them to delta and rho."""
    terms, quantity, is_call = example["inputs"], example["quantity"], example["flag"] == "c"
    on_future = "F" in terms
    s, k, t, r = terms["F"] if on_future else terms["S"], terms["K"], terms["t"], terms["r"]
    q = r if on_future else terms.get("q", 0.0)
    s -= sum(cash * np.exp(-r * at) for at, cash in terms.get("divs", ()))
    rest: dict[str, Any] = {"strike": k, "t_years": t, "rate": r, "is_call": is_call}
    if quantity == "implied_volatility":
        return float(implied_vol(price=terms["price"], spot=s, dividend_yield=q, **rest).vol)
    rest["vol"] = terms["sigma"]
    values = black76(forward=s, **rest) if on_future else bsm(spot=s, dividend_yield=q, **rest)
    sign = 1.0 if is_call else -1.0
    if quantity == "d1":
        return float(sign * ndtri(sign * values.delta * np.exp(q * t)))
    if quantity == "d2":
        return float(sign * ndtri(sign * values.rho_per_point * 100.0 / (k * t * np.exp(-r * t))))
    if quantity == "rho_q":
        # Haug prints that of the put with the sign of a call's dividend: as a positive number.
        return float(-t * s * values.delta)
    name, factor = _FIELDS[quantity]
    return float(getattr(values, name)) * factor


def _american(examples: list[dict[str, Any]]) -> list[float]:
    found: list[float] = american(**_columns(examples)).price.tolist()
    return found


def _premium(example: dict[str, Any]) -> float:
    columns = _columns([example])
    return float((american_price(**columns) - bsm_price(**columns))[0])


def _columns(examples: list[dict[str, Any]]) -> dict[str, Any]:
    names = {"spot": "S", "strike": "K", "t_years": "t", "rate": "r", "dividend_yield": "q", "vol": "sigma"}
    columns: dict[str, Any] = {
        name: np.array([one["inputs"].get(key, 0.0) for one in examples], dtype=np.float64)
        for name, key in names.items()
    }
    # Ju's table prints whole months with four digits; the file's true values are those of the months.
    is_ju = np.array([one["model"] == _JU for one in examples], dtype=np.bool_)
    columns["t_years"] = np.where(is_ju, np.round(12.0 * columns["t_years"]) / 12.0, columns["t_years"])
    columns["is_call"] = np.array([one["flag"] == "c" for one in examples], dtype=np.bool_)
    return columns
