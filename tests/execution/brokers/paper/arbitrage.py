"""Looks for static arbitrage in a surface, as a trader would: with vertical, butterfly and calendar spreads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from execution.brokers.paper.surface import FloatArray, Smile, Surface, black


def worst_loss(
    smile: Smile, expires_s: FloatArray, strikes: Sequence[FloatArray], *, spot: float, at_s: float, log_variance: float
) -> float:
    """Returns the most that a spread which can never cost its owner is worth below zero, in points; 0 = no arbitrage.

    `strikes`: those of every expiry, ascending. Verticals and butterflies are of neighbouring strikes, calendars of one
    moneyness.
    """
    surface, carry = smile.surface(expires_s, at_s, log_variance), smile.carry(expires_s, at_s)
    moneyness = np.unique(np.concatenate(strikes)) / spot
    worst, before = 0.0, np.maximum(1.0 - moneyness, 0.0)
    for number in np.flatnonzero(surface.theta > 0.0).tolist():
        forward = spot * float(np.exp(carry[number]))
        calls = forward * _calls(surface, number, strikes[number] / forward)
        steps = np.diff(strikes[number])
        slopes = np.diff(calls) / steps
        now = _calls(surface, number, moneyness)
        losses = [
            slopes * steps,
            (-1.0 - slopes) * steps,
            -np.diff(slopes) * np.minimum(steps[1:], steps[:-1]),
            spot * (before - now),
        ]
        worst = max(worst, *(float(loss.max(initial=0.0)) for loss in losses))
        before = now
    return worst


def _calls(surface: Surface, number: int, moneyness: FloatArray) -> FloatArray:
    variance = surface.variance(np.full(moneyness.size, number), np.log(moneyness))
    return black(np.ones_like(moneyness), moneyness, variance, np.ones(moneyness.size, dtype=np.bool_))
