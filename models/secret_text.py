"""A text that is never shown, and the name under which a login's secrets are kept."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NoReturn, Self

from models.enums import BrokerName
from models.errors import InvalidInput

#: What stands where a secret stood.
MASK: Final = "•••"
_LOGIN: Final = re.compile(r"[\w.@+-]{1,64}")


class SecretText:
    """Holds a secret. Only `reveal` gives it away; showing, formatting, copying and pickling do not.

    Two are equal when their texts are; compared in constant time. Not hashable: a secret is nobody's key.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", text)

    def reveal(self) -> str:
        """Returns the secret itself: call it where it is sent or encrypted, and keep what it returns nowhere."""
        text: str = object.__getattribute__(self, "_text")
        return text

    def __repr__(self) -> str:
        return f"SecretText({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, format_spec: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretText):
            return NotImplemented
        ours, theirs = (each.reveal().encode("utf-8", "surrogatepass") for each in (self, other))
        return hmac.compare_digest(ours, theirs)

    __hash__ = None  # type: ignore[assignment] # as documented for classes that are not hashable

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret is not changed: make another")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled")


class Service(StrEnum):
    """What else than a broker the desk logs in to."""

    #: The language model that ranks suggestions.
    ANALYST = "ANALYST"


def who(text: str) -> BrokerName | Service:
    """Returns whom a stored name means; raises ValueError for a name nobody has."""
    return Service(text) if text in {each.value for each in Service} else BrokerName(text)


@dataclass(frozen=True, slots=True)
class LoginName:
    """Whose secrets: a broker (or another service) and the user's own name for the login (`main`, `sandbox`).

    Letters, digits and `. @ + - _`, up to 64; raises InvalidInput for any other name.
    """

    broker: BrokerName | Service
    login: str

    def __post_init__(self) -> None:
        if _LOGIN.fullmatch(self.login) is None:
            raise InvalidInput(
                "login",
                f"{self.login!r} cannot be the name of a login.",
                cure="Take 1 to 64 letters, digits or . @ + - _ without blanks.",
            )

    def __str__(self) -> str:
        return f"{self.broker.value}:{self.login}"
