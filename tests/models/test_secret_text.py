"""A secret is held and never shown."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from typing import Any

import pytest

from models.enums import BrokerName
from models.errors import InvalidInput
from models.secret_text import MASK, LoginName, SecretText

TEXT = "Vb58-hidden-Qm36"


@dataclasses.dataclass(frozen=True)
class Holder:
    secret: SecretText


def test_only_reveal_gives_the_secret_away() -> None:
    secret = SecretText(TEXT)
    holder = Holder(secret)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>40}", f"{secret!r}", "%s %r" % (secret, secret)]  # noqa: UP031
    shown += [repr(holder), str(dataclasses.asdict(holder)), repr([secret]), repr({"k": secret})]
    assert secret.reveal() == TEXT
    assert not [text for text in shown if "Vb58" in text]
    assert str(secret) == MASK


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_not_pickled_nor_is_what_holds_it(protocol: int) -> None:
    for value in (SecretText(TEXT), Holder(SecretText(TEXT))):
        with pytest.raises(TypeError, match="not pickled") as caught:
            pickle.dumps(value, protocol)
        assert TEXT not in str(caught.value)


def test_a_secret_goes_into_no_json_no_dict_and_cannot_be_changed() -> None:
    secret: Any = SecretText(TEXT)
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        hash(secret)
    with pytest.raises(TypeError):
        vars(secret)
    with pytest.raises(AttributeError):
        secret._text = "other"
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_secrets_are_compared_by_their_text() -> None:
    assert SecretText("ключ-\udcff") == SecretText("ключ-\udcff")
    assert SecretText(TEXT) != SecretText(TEXT + " ")
    assert SecretText(TEXT) != TEXT
    assert (bool(SecretText("")), bool(SecretText("x"))) == (False, True)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a#b", "a/b", "x" * 65, "a\n"])
def test_a_login_has_a_name_that_fits_every_place(name: str) -> None:
    with pytest.raises(InvalidInput, match="name of a login"):
        LoginName(BrokerName.TASTYTRADE, name)


def test_a_login_is_told_by_broker_and_name() -> None:
    assert str(LoginName(BrokerName.TASTYTRADE, "main@home.x")) == f"{BrokerName.TASTYTRADE.value}:main@home.x"
