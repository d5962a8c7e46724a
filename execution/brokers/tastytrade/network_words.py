"""Why a connection could not be made, in words, out of the chain of errors that the network's layers raised."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Final

NO_CERTIFICATE: Final = "its security certificate was not accepted"
NO_TLS: Final = "no secure connection came about"
NO_NAME: Final = "its name cannot be looked up"
NOBODY_LISTENS: Final = "nobody listens there"
NO_CONNECTION: Final = "the connection failed"


def why_no_connection(error: BaseException) -> str:
    """Returns one of the words above, with the reason of a refused certificate; nothing of what was sent."""
    for each in _chain(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return f"{NO_CERTIFICATE} ({each.verify_message})"
        if isinstance(each, ssl.SSLError):
            return NO_TLS
        if isinstance(each, socket.gaierror):
            return NO_NAME
        if isinstance(each, ConnectionRefusedError):
            return NOBODY_LISTENS
    return NO_CONNECTION


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an error and what caused it; of a group, which stands for several tries, each."""
    left: list[BaseException | None] = [error]
    seen: set[int] = set()
    while left:
        each = left.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        left += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            left += each.exceptions
