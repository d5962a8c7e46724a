"""placeOrder (message 3) read field by field, by name, at every server version from 157 to 178."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType

from tests.simulators.tws.contracts import FieldReader, WireComboLeg, WireContract, number_of
from tests.simulators.tws.framing import ProtocolError

Pairs = tuple[tuple[str, str], ...]
#: One condition as the wire has it: type, conjunction ("a" or "o"), then the fields of that type.
WireCondition = tuple[str, ...]


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


#: How many fields follow a condition's type: price, time, margin, execution, volume, percent change.
CONDITION_FIELDS: Mapping[str, int] = MappingProxyType({"1": 6, "3": 3, "4": 3, "5": 4, "6": 5, "7": 5})
#: Both spellings are valid; a library may send either.
PEGGED_TO_BENCHMARK = frozenset({"PEG BENCH", "PEGBENCH"})
PEGGED_TO_BEST = frozenset({"PEG BEST", "PEGBEST"})
PEGGED_TO_MIDPOINT = frozenset({"PEG MID", "PEGMID"})
DELTA_NEUTRAL_FIELDS = (
    "deltaNeutralConId",
    "deltaNeutralSettlingFirm",
    "deltaNeutralClearingAccount",
    "deltaNeutralClearingIntent",
    "deltaNeutralOpenClose",
    "deltaNeutralShortSale",
    "deltaNeutralShortSaleSlot",
    "deltaNeutralDesignatedLocation",
)
SCALE_FIELDS = (
    "scalePriceAdjustValue",
    "scalePriceAdjustInterval",
    "scaleProfitOffset",
    "scaleAutoReset",
    "scaleInitPosition",
    "scaleInitFillQty",
    "scaleRandomPercent",
)
BENCHMARK_FIELDS = (
    "referenceContractId",
    "isPeggedChangeAmountDecrease",
    "peggedChangeAmount",
    "referenceChangeAmount",
    "referenceExchangeId",
)
_HEAD = _names(
    "action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin orderRef transmit parentId "
    "blockOrder sweepToFill displaySize triggerMethod outsideRth hidden"
)
_ALLOCATION = _names("sharesAllocation discretionaryAmt goodAfterTime goodTillDate faGroup faMethod faPercentage")
_MIDDLE = _names(
    "modelCode shortSaleSlot designatedLocation exemptCode ocaType rule80A settlingFirm allOrNone minQty percentOffset "
    "eTradeOnly firmQuoteOnly nbboPriceCap auctionStrategy startingPrice stockRefPrice delta stockRangeLower "
    "stockRangeUpper overridePercentageConstraints volatility volatilityType deltaNeutralOrderType "
    "deltaNeutralAuxPrice"
)
_SCALE = _names(
    "continuousUpdate referencePriceType trailStopPrice trailingPercent scaleInitLevelSize scaleSubsLevelSize "
    "scalePriceIncrement"
)
_ACTIVE = _names("scaleTable activeStartTime activeStopTime hedgeType")
_CLEARING = _names("optOutSmartRouting clearingAccount clearingIntent notHeld")
_WHAT_IF = _names("algoId whatIf orderMiscOptions solicited randomizeSize randomizePrice")
_TAIL = _names(
    "adjustedOrderType triggerPrice lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount "
    "adjustableTrailingUnit extOperator softDollarTier.name softDollarTier.val cashQty mifid2DecisionMaker "
    "mifid2DecisionAlgo mifid2ExecutionTrader mifid2ExecutionAlgo dontUseAutoPriceForHedge isOmsContainer "
    "discretionaryUpToLimitPrice usePriceMgmtAlgo"
)
#: Fields that came with a server version.
_SINCE = (
    (158, "duration"),
    (160, "postToAts"),
    (162, "autoCancelParent"),
    (166, "advancedErrorOverride"),
    (169, "manualOrderTime"),
)
_FA_PROFILE_UNTIL = 177
_PEG_SINCE = 170


@dataclass(frozen=True, slots=True)
class WireOrder:
    """An order as sent. The named fields are what the exchange works with; `raw` holds every field by TWS's name.

    In a reply the named fields win over `raw`, so `replace(order, limit_price=...)` is all a modification needs.
    A combo's `limit_price` is its net price: negative is a credit.
    """

    action: str
    total_quantity: Decimal
    order_type: str
    limit_price: Decimal | None = None
    aux_price: Decimal | None = None
    tif: str = "DAY"
    account: str = ""
    order_ref: str = ""
    transmit: bool = True
    outside_rth: bool = False
    what_if: bool = False
    parent_id: int = 0
    smart_params: Pairs = ()
    leg_prices: tuple[Decimal | None, ...] = ()
    algo_params: Pairs = ()
    conditions: tuple[WireCondition, ...] = ()
    raw: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    def text(self, name: str) -> str:
        """The field as the client sent it; empty when it sent none."""
        return self.raw.get(name, "")


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """placeOrder: a new order, a modification (same order id again) or, with `order.what_if`, a margin question."""

    order_id: int
    contract: WireContract
    order: WireOrder
    sec_id_type: str = ""
    sec_id: str = ""
    surplus: tuple[str, ...] = ()


def read_place_order(reader: FieldReader, server_version: int) -> PlaceOrder:
    """The message after its id; surplus is left to the caller. Raises ProtocolError for a missing or wrong field."""
    order_id = reader.integer("orderId")
    contract = reader.contract()
    sec_id_type, sec_id = reader.text("secIdType"), reader.text("secId")
    order = _OrderReader(reader, server_version, contract)
    order.read()
    contract = replace(contract, combo_legs=order.legs, delta_neutral=order.delta_neutral)
    return PlaceOrder(order_id, contract, order.built(), sec_id_type, sec_id)


class _OrderReader:
    """Walks once through the order's fields; each step reads one stretch of the layout."""

    def __init__(self, reader: FieldReader, server_version: int, contract: WireContract) -> None:
        self._reader = reader
        self._version = server_version
        self._contract = contract
        self._raw: dict[str, str] = {}
        self.legs: tuple[WireComboLeg, ...] = ()
        self.delta_neutral = contract.delta_neutral
        self._smart_params: Pairs = ()
        self._leg_prices: tuple[Decimal | None, ...] = ()
        self._algo_params: Pairs = ()
        self._conditions: tuple[WireCondition, ...] = ()

    def read(self) -> None:
        """Takes the whole order from the reader."""
        self._take(_HEAD)
        self._combo()
        self._take(_ALLOCATION)
        if self._version < _FA_PROFILE_UNTIL:
            self._take(("faProfile",))
        self._take(_MIDDLE)
        if self._raw["deltaNeutralOrderType"]:
            self._take(DELTA_NEUTRAL_FIELDS)
        self._scale_and_hedge()
        self._take(_CLEARING)
        self.delta_neutral = self._reader.delta_neutral()
        self._take(("algoStrategy",))
        if self._raw["algoStrategy"]:
            self._algo_params = self._reader.pairs("algoParams")
        self._take(_WHAT_IF)
        if self._raw["orderType"] in PEGGED_TO_BENCHMARK:
            self._take(BENCHMARK_FIELDS)
        self._condition_list()
        self._take(_TAIL)
        self._take(tuple(name for since, name in _SINCE if self._version >= since))
        if self._version >= _PEG_SINCE:
            self._pegs()

    def built(self) -> WireOrder:
        """The order read. Raises ProtocolError for a quantity, price or flag that is none."""
        raw = self._raw
        quantity = self._number("totalQuantity")
        return WireOrder(
            action=raw["action"],
            total_quantity=Decimal(0) if quantity is None else quantity,
            order_type=raw["orderType"],
            limit_price=self._number("lmtPrice"),
            aux_price=self._number("auxPrice"),
            tif=raw["tif"],
            account=raw["account"],
            order_ref=raw["orderRef"],
            transmit=self._flag("transmit"),
            outside_rth=self._flag("outsideRth"),
            what_if=self._flag("whatIf"),
            parent_id=FieldReader((raw["parentId"],)).integer("parentId"),
            smart_params=self._smart_params,
            leg_prices=self._leg_prices,
            algo_params=self._algo_params,
            conditions=self._conditions,
            raw=MappingProxyType(raw),
        )

    def _take(self, names: tuple[str, ...]) -> None:
        for name in names:
            self._raw[name] = self._reader.text(name)

    def _number(self, name: str) -> Decimal | None:
        return number_of(name, self._raw[name])

    def _flag(self, name: str) -> bool:
        return FieldReader((self._raw[name],)).flag(name)

    def _combo(self) -> None:
        if not self._contract.is_bag:
            return
        self.legs = self._reader.order_legs()
        prices = self._reader.count("number of leg prices")
        self._leg_prices = tuple(self._reader.number("leg price") for _ in range(prices))
        self._smart_params = self._reader.pairs("smartComboRoutingParams")

    def _scale_and_hedge(self) -> None:
        self._take(_SCALE)
        increment = self._number("scalePriceIncrement")
        if increment is not None and increment > 0:
            self._take(SCALE_FIELDS)
        self._take(_ACTIVE)
        if self._raw["hedgeType"]:
            self._take(("hedgeParam",))

    def _condition_list(self) -> None:
        count = self._reader.count("number of conditions")
        self._conditions = tuple(self._condition() for _ in range(count))
        if count:
            self._take(("conditionsIgnoreRth", "conditionsCancelOrder"))

    def _condition(self) -> WireCondition:
        kind = self._reader.text("condition type")
        if kind not in CONDITION_FIELDS:
            raise ProtocolError(f"there is no condition of type {kind!r}")
        return (kind, *(self._reader.text(f"condition {kind}") for _ in range(CONDITION_FIELDS[kind])))

    def _pegs(self) -> None:
        if self._contract.exchange == "IBKRATS":
            self._take(("minTradeQty",))
        order_type = self._raw["orderType"]
        if order_type in PEGGED_TO_BEST:
            self._take(("minCompeteSize", "competeAgainstBestOffset"))
            # "up to mid" is written as an infinite offset, and only then two more follow
            if self._raw["competeAgainstBestOffset"] == "Infinite":
                self._take(("midOffsetAtWhole", "midOffsetAtHalf"))
        elif order_type in PEGGED_TO_MIDPOINT:
            self._take(("midOffsetAtWhole", "midOffsetAtHalf"))
