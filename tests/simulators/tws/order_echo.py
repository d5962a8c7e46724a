"""How TWS repeats an order: the client's fields, and TWS's own text where the client left a field at its default.

The texts of untouched fields are those of recorded sessions at server version 173: the word None for order types that
are not given, 2147483647 for sizes, 3 for the OCA type, IB for the clearing intent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from tests.simulators.tws.contracts import WireComboLeg, WireContract, order_leg_fields
from tests.simulators.tws.framing import UNSET_DOUBLE, UNSET_INT, Field
from tests.simulators.tws.place_order import (
    BENCHMARK_FIELDS,
    DELTA_NEUTRAL_FIELDS,
    PEGGED_TO_BENCHMARK,
    SCALE_FIELDS,
    WireOrder,
)

#: One field of a message with TWS's name for it.
Named = tuple[str, Field]

#: The contract id TWS gives every combo in US dollars.
BAG_CON_ID = 28812380
#: A price nobody gave, as TWS writes it in lmtPrice and auxPrice.
_NO_PRICE = Decimal("0.0")
#: What TWS writes for a field the client left alone, and the client's own text for "left alone" beside empty.
_UNTOUCHED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "openClose": ("", "O"),
        "exemptCode": ("-1", "-1"),
        "displaySize": (UNSET_INT, "0"),
        "ocaType": ("3", "0"),
        "deltaNeutralOrderType": ("None", "None"),
        "deltaNeutralOpenClose": ("?", "?"),
        "scaleInitLevelSize": (UNSET_INT, UNSET_INT),
        "scaleSubsLevelSize": (UNSET_INT, UNSET_INT),
        "clearingIntent": ("IB", "IB"),
        "adjustedOrderType": ("None", "None"),
        "dontUseAutoPriceForHedge": ("1", "0"),
        "minCompeteSize": ("100", "100"),
        "competeAgainstBestOffset": ("0.02", "0.02"),
        **dict.fromkeys(
            ("triggerPrice", "lmtPriceOffset", "adjustedStopPrice", "adjustedStopLimitPrice", "adjustedTrailingAmount"),
            (UNSET_DOUBLE, ""),
        ),
        **dict.fromkeys(
            (
                "origin",
                "hidden",
                "discretionaryAmt",
                "shortSaleSlot",
                "auctionStrategy",
                "blockOrder",
                "sweepToFill",
                "allOrNone",
                "eTradeOnly",
                "firmQuoteOnly",
                "triggerMethod",
                "volatilityType",
                "deltaNeutralConId",
                "deltaNeutralShortSale",
                "deltaNeutralShortSaleSlot",
                "continuousUpdate",
                "referencePriceType",
                "optOutSmartRouting",
                "notHeld",
                "solicited",
                "randomizeSize",
                "randomizePrice",
                "adjustableTrailingUnit",
                "cashQty",
                "isOmsContainer",
                "discretionaryUpToLimitPrice",
                "usePriceMgmtAlgo",
                "autoCancelParent",
            ),
            ("0", "0"),
        ),
    }
)


def bag_echo(contract: WireContract) -> WireContract:
    """A combo as TWS names it; any other contract as it is, but with right "?" where it has none."""
    if not contract.is_bag:
        return replace(contract, right=contract.right or "?")
    return replace(
        contract,
        con_id=contract.con_id or BAG_CON_ID,
        right="?",
        local_symbol=contract.local_symbol or str(BAG_CON_ID),
        trading_class=contract.trading_class or "COMB",
    )


def legs_description(legs: tuple[WireComboLeg, ...]) -> str:
    """The legs in one text: contract id and signed ratio, as in "43645865|1,9408|-1"."""
    return ",".join(f"{leg.con_id}|{leg.ratio if leg.action == 'BUY' else -leg.ratio}" for leg in legs)


@dataclass(frozen=True, slots=True)
class OrderEcho:
    """One order's fields by TWS's names, stretch by stretch."""

    contract: WireContract
    order: WireOrder

    def fields(self, *names: str) -> Iterator[Named]:
        """These fields, in this order."""
        for name in names:
            yield name, self._value(name)

    def listed(self) -> Iterator[Named]:
        """The contract's eleven fields."""
        names = "conId symbol secType lastTrade strike right multiplier exchange currency localSymbol tradingClass"
        yield from zip(names.split(), bag_echo(self.contract).eleven(), strict=True)

    def combo(self) -> Iterator[Named]:
        """Description of the legs, the legs, their prices and the routing parameters; three zeros without legs."""
        yield "comboLegsDescrip", legs_description(self.contract.combo_legs)
        for field in order_leg_fields(self.contract.combo_legs):
            yield "comboLegs", field
        yield "orderComboLegs", len(self.order.leg_prices)
        for price in self.order.leg_prices:
            yield "orderComboLegs", price
        yield from self._pairs("smartComboRoutingParams", self.order.smart_params)

    def delta_neutral_order(self, names: tuple[str, ...] = DELTA_NEUTRAL_FIELDS) -> Iterator[Named]:
        """Type and price, then the details: always there, because an untouched type is the word None."""
        yield from self.fields("deltaNeutralOrderType", "deltaNeutralAuxPrice", *names)

    def scale(self) -> Iterator[Named]:
        """Sizes and increment, and what follows a given increment."""
        yield from self.fields("scaleInitLevelSize", "scaleSubsLevelSize", "scalePriceIncrement")
        if self._is_positive("scalePriceIncrement"):
            yield from self.fields(*SCALE_FIELDS)

    def hedge(self) -> Iterator[Named]:
        """Kind of hedge, and its parameter when there is one."""
        yield from self.fields("hedgeType")
        if self.order.text("hedgeType"):
            yield from self.fields("hedgeParam")

    def delta_neutral_contract(self) -> Iterator[Named]:
        """0, or 1 and three fields."""
        hedged = self.contract.delta_neutral
        yield "deltaNeutralContract", hedged is not None
        if hedged is not None:
            yield from (("conId", hedged.con_id), ("delta", hedged.delta), ("price", hedged.price))

    def algo(self) -> Iterator[Named]:
        """Name of the algorithm, and its parameters when it has a name."""
        yield from self.fields("algoStrategy")
        if self.order.text("algoStrategy"):
            yield from self._pairs("algoParams", self.order.algo_params)

    def benchmark(self) -> Iterator[Named]:
        """The five fields of an order pegged to a benchmark."""
        if self.order.order_type in PEGGED_TO_BENCHMARK:
            yield from self.fields(*BENCHMARK_FIELDS)

    def conditions(self) -> Iterator[Named]:
        """How many, each with its fields, and two flags when there are any."""
        yield "numConditions", len(self.order.conditions)
        for condition in self.order.conditions:
            for text in condition:
                yield "condition", text
        if self.order.conditions:
            yield from self.fields("conditionsIgnoreRth", "conditionsCancelOrder")

    def _value(self, name: str) -> Field:
        named: dict[str, Field] = {
            "action": self.order.action,
            "totalQuantity": self.order.total_quantity,
            "orderType": self.order.order_type,
            "lmtPrice": _NO_PRICE if self.order.limit_price is None else self.order.limit_price,
            "auxPrice": _NO_PRICE if self.order.aux_price is None else self.order.aux_price,
            "tif": self.order.tif,
            "account": self.order.account,
            "orderRef": self.order.order_ref,
            "outsideRth": self.order.outside_rth,
            "whatIf": self.order.what_if,
            "parentId": self.order.parent_id,
        }
        if name in named:
            return named[name]
        sent = self.order.text(name)
        untouched, left_alone = _UNTOUCHED.get(name, ("", ""))
        if sent in {"", left_alone}:
            return untouched
        return "Infinity" if sent == "Infinite" else sent

    def _is_positive(self, name: str) -> bool:
        text = self.order.text(name)
        return bool(text) and 0 < float(text) < float(UNSET_DOUBLE)

    @staticmethod
    def _pairs(name: str, pairs: tuple[tuple[str, str], ...]) -> Iterator[Named]:
        yield name, len(pairs)
        for tag, value in pairs:
            yield name, tag
            yield name, value
