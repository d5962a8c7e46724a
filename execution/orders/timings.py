"""How long the order manager waits for what."""

from __future__ import annotations

from dataclasses import dataclass

#: "Absent at the broker" proves nothing before the longest time an order may be in flight (reliability 3.5).
MIN_GRACE_S = 30.0


@dataclass(frozen=True, slots=True)
class OrderTimings:
    """Time limits and pauses, in seconds. The pauses between looks for an order of unknown outcome sum to the grace."""

    simulate_timeout_s: float = 12.0
    submit_timeout_s: float = 15.0
    cancel_timeout_s: float = 10.0
    find_timeout_s: float = 15.0
    find_pauses_s: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
    #: After this long the executions that a broker announced, or the rest of a package, are looked for.
    settle_s: float = 5.0
    #: Legs of a package that stay unequally filled this long are reported.
    unbalanced_alert_s: float = 30.0
    #: A journal row written this long after its trade is tagged, because its market is not the trade's.
    stale_context_after_s: float = 300.0

    def __post_init__(self) -> None:
        if sum(self.find_pauses_s) < MIN_GRACE_S:
            raise ValueError(
                f"find_pauses_s sum to {sum(self.find_pauses_s):g} s; at least {MIN_GRACE_S:g} s is needed"
            )

    @property
    def grace_s(self) -> float:
        """How long an order of unknown outcome is looked for."""
        return sum(self.find_pauses_s)
