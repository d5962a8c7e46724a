"""Padding between the socket and the library's decoder, and the installation of the taps above it.

The decoder has weak spots that both libraries share: it stumbles over numbers left blank and over surplus fields of a
newer server, reads two of the three forms of an execution's time as this computer's own, and drops a message it cannot
read with a log line only. Here blanks become unset numbers, surplus is cut, times become UTC; and a lost message is
told and spoils the answer it belonged to: an order missing from a list must never look like an order that is gone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from typing import Any, Final

from execution.brokers.ibkr.edge import UNSET_TEXT, tws_time
from execution.brokers.ibkr.facts import Fact, OddFact
from execution.brokers.ibkr.questions import Questions
from execution.brokers.ibkr.taps import COMPLETED_ORDERS, OPEN_ORDERS, POSITIONS, Taps, market_rule_key


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is known of a message: how many fields the decoder takes, which of them are numbers that may be blank."""

    fields: int | None = None
    blanks: tuple[int, ...] = ()
    #: Which question a message belongs to, given its fields; a message that cannot be read spoils the answer.
    question: Callable[[list[str], int], int | str] | None = None


def _number(fields: list[str], _version: int) -> int:
    return int(fields[1])


def _details_number(fields: list[str], version: int) -> int:
    return int(fields[1 if version >= _NO_VERSION_FROM else 2])


#: From this server version on contract details bear no version of their own.
_NO_VERSION_FROM: Final = 164
_EXECUTION: Final = 11
_EXECUTION_TIME: Final = 15
_REVISED_FROM: Final = 178
_SHAPES: Final = {
    1: _Shape(fields=7),
    5: _Shape(question=lambda _fields, _version: OPEN_ORDERS),
    7: _Shape(fields=20, blanks=(14, 15, 16, 17, 18)),
    10: _Shape(question=_details_number),
    _EXECUTION: _Shape(fields=31, question=_number),
    21: _Shape(fields=12, blanks=(4, 5, 6, 7, 8, 9, 10, 11)),
    59: _Shape(fields=8, blanks=(3, 5, 6)),
    61: _Shape(fields=16, blanks=(15,), question=lambda _fields, _version: POSITIONS),
    75: _Shape(question=_number),
    93: _Shape(question=lambda fields, _version: market_rule_key(int(fields[1]))),
    101: _Shape(question=lambda _fields, _version: COMPLETED_ORDERS),
}


def install(
    ib: Any, taps: Taps, questions: Questions, tell: Callable[[Fact], None], own_zone: Callable[[], tzinfo]
) -> None:
    """Puts the taps on one client object, and the padding under its decoder."""
    for name, callback in taps.callbacks().items():
        setattr(ib.wrapper, name, callback)
    decoder = ib.client.decoder
    decoder.logger = _DecoderLog(decoder.logger, tell)
    for message_id, shape in _SHAPES.items():
        read = decoder.handlers[message_id]
        if message_id == _EXECUTION:
            read = partial(_with_utc_time, read, own_zone)
        decoder.handlers[message_id] = partial(_padded, read, shape, decoder, questions)


def _with_utc_time(read: Callable[[list[str]], None], own_zone: Callable[[], tzinfo], fields: list[str]) -> None:
    """Both libraries read two of the three time forms as the computer's own time: they get only the third."""
    at_utc = tws_time(fields[_EXECUTION_TIME], own_zone())
    fields[_EXECUTION_TIME] = at_utc.strftime("%Y%m%d %H:%M:%S UTC")
    read(fields)


def _padded(
    read: Callable[[list[str]], None], shape: _Shape, decoder: Any, questions: Questions, fields: list[str]
) -> None:
    whole = list(fields)
    try:
        if shape.fields is not None:
            revised = int(fields[0]) == _EXECUTION and decoder.serverVersion >= _REVISED_FROM
            whole = whole[: shape.fields + revised]
        for index in shape.blanks:
            whole[index] = whole[index] or UNSET_TEXT
        read(whole)
    except Exception as error:
        if shape.question is not None:
            questions.spoil(shape.question(fields, decoder.serverVersion), f"a message of kind {fields[0]} ({error})")
        raise  # the decoder logs it, and its log tells


class _DecoderLog(logging.LoggerAdapter[logging.Logger]):
    """The decoder's logger; what it could not read is told too."""

    def __init__(self, logger: logging.Logger, tell: Callable[[Fact], None]) -> None:
        super().__init__(logger, {})
        self._tell = tell

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs, and tells of errors."""
        super().log(level, msg, *args, **kwargs)
        if level >= logging.ERROR:
            self._tell(OddFact("TWS message", str(msg)[:300]))
