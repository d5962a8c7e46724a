"""What a fill costs: broker commission plus exchange and regulatory fees, per product.

Figures follow the public fixed-price lists of US retail brokers (2025): options per contract, the SPX and VIX exchange
surcharge by premium, shares by the share, futures by the contract. They are settings, not law.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from models.contract import Contract
from models.enums import Action, InstrumentKind

CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class IndexFee:
    """Exchange surcharge of a proprietary index option, dollars per contract: by premium below / from a threshold."""

    below: Decimal
    threshold: Decimal
    above: Decimal

    def at(self, premium: Decimal) -> Decimal:
        """Returns the surcharge at a premium per share."""
        return self.below if premium < self.threshold else self.above


def _default_index_fees() -> dict[str, IndexFee]:
    one = Decimal(1)
    spx = IndexFee(Decimal("0.57"), one, Decimal("0.66"))
    vix = IndexFee(Decimal("0.27"), one, Decimal("0.55"))
    rut = IndexFee(Decimal("0.18"), one, Decimal("0.18"))
    ndx = IndexFee(Decimal("0.50"), Decimal(25), Decimal("0.75"))
    return {"SPX": spx, "SPXW": spx, "VIX": vix, "VIXW": vix, "RUT": rut, "RUTW": rut, "NDX": ndx, "NDXP": ndx}


def _default_futures_fees() -> dict[str, Decimal]:
    mini, micro = Decimal("2.25"), Decimal("0.62")
    return {
        "/ES": mini,
        "/NQ": mini,
        "/RTY": mini,
        "/CL": Decimal("2.42"),
        "/GC": Decimal("2.42"),
        "/MES": micro,
        "/MNQ": micro,
    }


@dataclass(frozen=True, slots=True)
class CommissionSchedule:
    """Dollars per contract or share, positive = paid. Shares have an order minimum, charged with the first fill."""

    option_commission: Decimal = Decimal("0.65")
    #: Clearing and options regulatory fee, each contract.
    option_regulatory: Decimal = Decimal("0.05")
    #: Trading activity fee, contracts sold.
    option_sale_fee: Decimal = Decimal("0.00329")
    index_fees: Mapping[str, IndexFee] = field(default_factory=_default_index_fees)
    share_commission: Decimal = Decimal("0.005")
    share_order_minimum: Decimal = Decimal("1.00")
    #: Cap of the share commission as a fraction of the value traded.
    share_value_cap: Decimal = Decimal("0.01")
    futures_commission: Mapping[str, Decimal] = field(default_factory=_default_futures_fees)
    futures_option_commission: Decimal = Decimal("2.02")

    def leg_fee(self, contract: Contract, action: Action, quantity: Decimal, price: Decimal) -> Decimal:
        """Returns what `quantity` of one leg costs in all, in whole cents."""
        if quantity == 0:
            return Decimal(0)
        if contract.kind is InstrumentKind.OPTION:
            fee = self._option(contract, action, quantity, price)
        elif contract.kind is InstrumentKind.FUTURE:
            fee = self.futures_commission.get(contract.root, Decimal("2.42")) * quantity
        elif contract.kind is InstrumentKind.FUTURE_OPTION:
            fee = self.futures_option_commission * quantity
        else:
            wanted = max(self.share_commission * quantity, self.share_order_minimum)
            fee = min(wanted, self.share_value_cap * quantity * price)
        return fee.quantize(CENT, ROUND_HALF_UP)

    def fill_fee(
        self, contract: Contract, action: Action, before: Decimal, quantity: Decimal, price: Decimal
    ) -> Decimal:
        """Returns the fee of a fill of `quantity` after `before` of the same leg: partial fills cost what one would."""
        whole = self.leg_fee(contract, action, before + quantity, price)
        return max(whole - self.leg_fee(contract, action, before, price), Decimal(0))

    def _option(self, contract: Contract, action: Action, quantity: Decimal, price: Decimal) -> Decimal:
        fee = (self.option_commission + self.option_regulatory) * quantity
        if action is Action.SELL:
            fee += self.option_sale_fee * quantity
        surcharge = self.index_fees.get(contract.root)
        return fee if surcharge is None else fee + surcharge.at(price) * quantity
