"""Objects of the shapes that Tastytrade was seen to send; each call returns fresh ones that a test may spoil."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from execution.brokers.tastytrade.wire_port import TastyOrderDraft, TastyOrderLeg

ACCOUNT = "5WX00001"
PUT_5900 = "SPXW  261218P05900000"
PUT_5800 = "SPXW  261218P05800000"
PRICE = Decimal("-4.20")


def account() -> dict[str, Any]:
    return {
        "account": {
            "account-number": ACCOUNT,
            "account-type-name": "Individual",
            "created-at": "2024-12-10T15:00:00.000+00:00",
            "day-trader-status": False,
            "is-closed": False,
            "margin-or-cash": "Margin",
            "nickname": "Main",
            "suitable-options-level": "No Restrictions",
        },
        "authority-level": "owner",
    }


def trading_status() -> dict[str, Any]:
    return {"account-number": ACCOUNT, "equities-margin-calculation-type": "Reg T", "is-frozen": False, "id": 15}


def balance() -> dict[str, Any]:
    return {
        "account-number": ACCOUNT,
        "cash-balance": 44178.164,
        "net-liquidating-value": 41419.164,
        "derivative-buying-power": "12488.164",
        "used-derivative-buying-power": "28956.0",
        "reg-t-margin-requirement": "31900.0",
        "maintenance-requirement": "31900.0",
        "pending-cash": "0.0",
        "pending-cash-effect": "None",
        "updated-at": "2026-03-05T21:00:00.123+00:00",
    }


def position() -> dict[str, Any]:
    return {
        "account-number": ACCOUNT,
        "symbol": PUT_5900,
        "instrument-type": "Equity Option",
        "underlying-symbol": "SPX",
        "quantity": 2,
        "quantity-direction": "Short",
        "close-price": "11.2",
        "average-open-price": "12.35",
        "multiplier": 100,
        "cost-effect": "Debit",
        "expires-at": "2026-12-18T21:00:00.000+00:00",
        "realized-day-gain": "0.0",
        "realized-day-gain-effect": "None",
        "updated-at": "2026-11-18T15:31:03.632+00:00",
    }


def transaction() -> dict[str, Any]:
    return {
        "id": 280070508,
        "account-number": ACCOUNT,
        "symbol": PUT_5900,
        "instrument-type": "Equity Option",
        "underlying-symbol": "SPX",
        "transaction-type": "Trade",
        "transaction-sub-type": "Sell to Open",
        "description": "Sold 2 SPXW 12/18/26 Put 5900.00 @ 12.35",
        "action": "Sell to Open",
        "quantity": "2.0",
        "price": "12.35",
        "executed-at": "2026-11-18T15:31:02.199+00:00",
        "transaction-date": "2026-11-18",
        "value": "2470.0",
        "value-effect": "Credit",
        "regulatory-fees": "0.042",
        "regulatory-fees-effect": "Debit",
        "clearing-fees": "0.2",
        "clearing-fees-effect": "Debit",
        "commission": "2.0",
        "commission-effect": "Debit",
        "proprietary-index-option-fees": "1.3",
        "proprietary-index-option-fees-effect": "Debit",
        "net-value": "2466.458",
        "net-value-effect": "Credit",
        "is-estimated-fee": True,
        "ext-group-fill-id": "613761478",
        "ext-exec-id": "6075255",
        "exec-id": "4_A5F-1DY-3M7P-3",
        "order-id": 272610989,
    }


def fill(fill_id: str = "2609179990014993642", quantity: int = 1) -> dict[str, Any]:
    return {
        "fill-id": fill_id,
        "quantity": quantity,
        "fill-price": "10.505",
        "filled-at": "2026-09-17T18:32:28.435+00:00",
        "destination-venue": "SUSQUEHANNA_EQUITIES_B",
    }


def live_order() -> dict[str, Any]:
    """The captured alert: status Live although all of it is filled, `updated-at` in milliseconds."""
    return {
        "id": 507349840,
        "account-number": ACCOUNT,
        "cancellable": True,
        "editable": True,
        "ext-client-order-id": "JAAAC1DXlca8hLdo0w",
        "leg-count": 1,
        "order-type": "Limit",
        "price": "10.51",
        "price-effect": "Debit",
        "received-at": "2026-09-17T18:32:28.393+00:00",
        "size": 1,
        "source": "WB2;0.174.2",
        "status": "Live",
        "time-in-force": "Day",
        "underlying-instrument-type": "Equity",
        "underlying-symbol": "NOK",
        "updated-at": 1789669948464,
        "legs": [
            {
                "action": "Buy to Open",
                "instrument-type": "Equity",
                "quantity": 1,
                "remaining-quantity": 0,
                "symbol": "NOK",
                "fills": [fill()],
            }
        ],
    }


def spread_order(order_id: int = 270561, status: str = "Routed") -> dict[str, Any]:
    return live_order() | {
        "id": order_id,
        "status": status,
        "price": "4.2",
        "price-effect": "Credit",
        "size": 2,
        "source": "Optiondesk/1.0",
        "external-identifier": "ours-1",
        "underlying-symbol": "SPX",
        "legs": [
            {
                "instrument-type": "Equity Option",
                "symbol": symbol,
                "quantity": 2,
                "remaining-quantity": 2,
                "action": action,
                "fills": [],
            }
            for symbol, action in ((PUT_5900, "Sell to Open"), (PUT_5800, "Buy to Open"))
        ],
    }


def effects() -> dict[str, Any]:
    """The figures of a dry run of an iron condor."""
    return {
        "buying-power-effect": {
            "change-in-margin-requirement": "10000.0",
            "change-in-margin-requirement-effect": "Debit",
            "change-in-buying-power": "9174.16",
            "change-in-buying-power-effect": "Debit",
            "current-buying-power": "80000.0",
            "current-buying-power-effect": "Credit",
            "new-buying-power": "70825.84",
            "new-buying-power-effect": "Credit",
            "isolated-order-margin-requirement": "10000.0",
            "isolated-order-margin-requirement-effect": "Debit",
            "is-spread": True,
            "impact": "9174.16",
            "effect": "Debit",
        },
        "fee-calculation": {
            "commission": "8.0",
            "commission-effect": "Debit",
            "total-fees": "14.16",
            "total-fees-effect": "Debit",
        },
    }


def dry_run() -> dict[str, Any]:
    order = spread_order(status="Received") | {"updated-at": 0}
    del order["id"]
    warning = {"code": "tif_next_valid_sesssion", "message": "Your order will begin working during next valid session."}
    return effects() | {"order": order, "warnings": [warning]}


def chain() -> list[dict[str, Any]]:
    """SPXW and SPX, which share an underlying and a third Friday."""
    return [_root("SPXW", "Weekly", "PM"), _root("SPX", "Regular", "AM")]


def _root(root: str, kind: str, settlement: str) -> dict[str, Any]:
    strikes = [
        {
            "strike-price": f"{strike}.0",
            "call": f"{root:<6}261218C0{strike}000",
            "call-streamer-symbol": f".{root}261218C{strike}",
            "put": f"{root:<6}261218P0{strike}000",
            "put-streamer-symbol": f".{root}261218P{strike}",
        }
        for strike in (5900, 6000)
    ]
    return {
        "underlying-symbol": "SPX",
        "root-symbol": root,
        "option-chain-type": "Standard",
        "shares-per-contract": 100,
        "tick-sizes": [{"value": "0.05", "threshold": "3.0"}, {"value": "0.1"}],
        "deliverables": [],
        "expirations": [
            {
                "expiration-type": kind,
                "expiration-date": "2026-12-18",
                "days-to-expiration": 28,
                "settlement-type": settlement,
                "strikes": strikes,
            }
        ],
    }


def futures_chain() -> dict[str, Any]:
    expiration = {
        "underlying-symbol": "/ESZ6",
        "root-symbol": "/ES",
        "option-root-symbol": "E1A",
        "option-contract-symbol": "E1AZ6",
        "asset": "E1A",
        "expiration-date": "2026-12-04",
        "settlement-type": "PM",
        "notional-value": "0.5",
        "display-factor": "0.01",
        "strike-factor": "1.0",
        "tick-sizes": [{"value": "0.05", "threshold": "5.0"}, {"value": "0.25"}],
        "strikes": [
            {
                "strike-price": "6700.0",
                "call": "./ESZ6 E1AZ6 261204C6700",
                "call-streamer-symbol": "./E1AZ26C6700:XCME",
                "put": "./ESZ6 E1AZ6 261204P6700",
                "put-streamer-symbol": "./E1AZ26P6700:XCME",
            }
        ],
    }
    return {
        "futures": [{"symbol": "/ESZ6", "root-symbol": "/ES"}],
        "option-chains": [{"underlying-symbol": "/ES", "root-symbol": "/ES", "expirations": [expiration]}],
    }


def metrics() -> dict[str, Any]:
    """Without `market-cap`, which the SDK's model will not do without."""
    return {
        "symbol": "AAPL",
        "implied-volatility-index": "0.224186663",
        "implied-volatility-index-rank": "0.0223",
        "tw-implied-volatility-index-rank": "0.0373",
        "implied-volatility-percentile": "0.0312",
        "beta": "1.265634436",
        "updated-at": "2023-06-07T19:55:23.376Z",
    }


def draft(net_price: Decimal | None = PRICE, *, is_strict: bool = False, word: str = "Open") -> TastyOrderDraft:
    """A put spread sold twice for a credit."""
    return TastyOrderDraft(
        legs=(
            TastyOrderLeg(PUT_5900, "Equity Option", f"Sell to {word}", 2),
            TastyOrderLeg(PUT_5800, "Equity Option", f"Buy to {word}", 2),
        ),
        order_type="Market" if net_price is None else "Limit",
        time_in_force="Day",
        net_price=net_price,
        external_identifier="ours-1",
        is_strict=is_strict,
    )
