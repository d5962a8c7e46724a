"""Accounts, money, holdings and transactions out of Tastytrade's JSON; scopes out of a refresh token."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Final

from execution.brokers.tastytrade.facts import TastyAccount, TastyBalance, TastyPosition, TastyTransaction
from execution.brokers.tastytrade.parsing import (
    Json,
    Odd,
    decimal_at,
    flag_at,
    mapping_of,
    needed_decimal,
    needed_text,
    text_at,
    time_at,
)
from execution.brokers.tastytrade.signs import money_in, money_out, signed_quantity

#: Who may only look.
_READ_ONLY: Final = "read-only"
_JWT_PARTS: Final = 3
_FEES: Final = ("regulatory-fees", "clearing-fees", "commission", "proprietary-index-option-fees", "other-charge")


def account_of(raw: object) -> TastyAccount:
    """Returns an account of the list of the login's accounts; raises Odd without a number.

    The kind of margin is not told here: see `with_status`.
    """
    item = mapping_of(raw, "the item")
    account = mapping_of(item.get("account", item), "the account")
    is_closed = flag_at(account, "is-closed")
    return TastyAccount(
        account_number=needed_text(account, "account-number"),
        nickname=text_at(account, "nickname"),
        account_type=text_at(account, "account-type-name"),
        margin_or_cash=text_at(account, "margin-or-cash"),
        is_closed=is_closed,
        margin_type="",
        may_trade=not is_closed and text_at(item, "authority-level") != _READ_ONLY,
        authority=text_at(item, "authority-level"),
    )


def margin_type_of(raw: object) -> tuple[str, bool]:
    """Returns the kind of margin out of an account's trading status, and whether the account is frozen; raises Odd."""
    status = mapping_of(raw, "the trading status")
    return text_at(status, "equities-margin-calculation-type"), flag_at(status, "is-frozen")


def quote_level_of(raw: object) -> str:
    """Returns the kind of quotes that a quote token gives; raises Odd where there is no token."""
    given = mapping_of(raw, "the answer")
    needed_text(given, "token")
    return text_at(given, "level")


def balance_of(raw: object, account_number: str = "") -> TastyBalance:
    """Returns an account's money as REST and alerts tell it; what is absent is None. Raises Odd without an account.

    Initial margin is the buying power in use, which is what margin changes are told against; Reg T's own requirement
    stands in where that is not told.
    """
    balance = mapping_of(raw, "the balance")
    used = decimal_at(balance, "used-derivative-buying-power")
    return TastyBalance(
        account_number=text_at(balance, "account-number") or account_number or needed_text(balance, "account-number"),
        net_liquidation=decimal_at(balance, "net-liquidating-value"),
        cash=decimal_at(balance, "cash-balance"),
        derivative_buying_power=decimal_at(balance, "derivative-buying-power"),
        initial_margin=decimal_at(balance, "reg-t-margin-requirement") if used is None else used,
        maintenance_margin=decimal_at(balance, "maintenance-requirement"),
        updated_at_utc=time_at(balance, "updated-at"),
    )


def position_of(raw: object, account_number: str = "") -> TastyPosition:
    """Returns a holding; prices that are "NaN" are None. Raises Odd without symbol, quantity or a known direction."""
    position = mapping_of(raw, "the position")
    direction = needed_text(position, "quantity-direction")
    quantity = signed_quantity(needed_decimal(position, "quantity"), direction)
    if quantity is None:
        raise Odd(f"quantity-direction is {direction}")
    return TastyPosition(
        account_number=text_at(position, "account-number") or account_number or needed_text(position, "account-number"),
        symbol=needed_text(position, "symbol"),
        instrument_type=needed_text(position, "instrument-type"),
        underlying_symbol=text_at(position, "underlying-symbol"),
        quantity=quantity,
        multiplier=decimal_at(position, "multiplier"),
        average_open_price=decimal_at(position, "average-open-price"),
        close_price=decimal_at(position, "close-price"),
        expires_at_utc=time_at(position, "expires-at"),
        updated_at_utc=time_at(position, "updated-at"),
    )


def transaction_of(raw: object, account_number: str = "") -> TastyTransaction:
    """Returns a transaction. Raises Odd without an id, a type or an account.

    `cash_effect` is what the account gained or lost by it, fees and all (the net value). Fees that are not itemised
    are the difference between value and net value (an assignment costs 5 dollars that no fee field tells).
    """
    item = mapping_of(raw, "the transaction")
    net = _came_in(item, "net-value")
    gross = _came_in(item, "value")
    return TastyTransaction(
        transaction_id=needed_text(item, "id"),
        account_number=text_at(item, "account-number") or account_number or needed_text(item, "account-number"),
        transaction_type=needed_text(item, "transaction-type"),
        sub_type=text_at(item, "transaction-sub-type"),
        symbol=text_at(item, "symbol"),
        instrument_type=text_at(item, "instrument-type"),
        underlying_symbol=text_at(item, "underlying-symbol"),
        action=text_at(item, "action"),
        quantity=decimal_at(item, "quantity"),
        price=decimal_at(item, "price"),
        cash_effect=gross if net is None else net,
        fees=_fees(item, gross, net),
        are_fees_estimated=flag_at(item, "is-estimated-fee"),
        order_id=text_at(item, "order-id"),
        fill_id=text_at(item, "exec-id"),
        executed_at_utc=time_at(item, "executed-at"),
        description=text_at(item, "description"),
    )


def scopes_of(refresh_token: str) -> tuple[str, ...]:
    """Returns the scopes a refresh token was granted, read out of the token itself; empty when it is opaque."""
    parts = refresh_token.split(".")
    if len(parts) != _JWT_PARTS:
        return ()
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return ()
    scope = claims.get("scope") if isinstance(claims, dict) else None
    if isinstance(scope, str):
        return tuple(scope.split())
    return tuple(item for item in scope if isinstance(item, str)) if isinstance(scope, list) else ()


def _fees(item: Json, gross: Decimal | None, net: Decimal | None) -> Decimal | None:
    told = [key for key in _FEES if decimal_at(item, key) is not None]
    parts = [money_out(decimal_at(item, key), text_at(item, f"{key}-effect")) for key in told]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):  # a fee nobody knows the way of: the sum would be a lie
        return None if gross is None or net is None else gross - net
    if known:
        return sum(known, Decimal(0))
    return None if gross is None or net is None or gross == net else gross - net


def _came_in(item: Json, key: str) -> Decimal | None:
    return money_in(decimal_at(item, key), text_at(item, f"{key}-effect"))
