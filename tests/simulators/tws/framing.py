"""The text protocol's frames: 4-byte big-endian length, then fields, each ended by NUL; both directions.

Only the first four bytes of a client ("API" and NUL) have no length before them; the frame after them names the
versions the client speaks and is not made of fields.
"""

from __future__ import annotations

import math
import re
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

#: One value of a message to a client. None is an empty field.
Field = str | int | float | Decimal | bool | None
Fields = tuple[Field, ...]

#: What TWS (Java) writes where it has no double, no int, no long.
UNSET_DOUBLE = "1.7976931348623157E308"
UNSET_INT = "2147483647"
UNSET_LONG = "9223372036854775807"

#: Lowest version either client library accepts, and the highest that is still text to both.
MIN_SERVER_VERSION = 157
MAX_SERVER_VERSION = 178

_PREAMBLE = b"API\0"
_HELLO = re.compile(r"v(\d+)(?:\.\.(\d+))?(?: (.*))?", re.DOTALL)
_LENGTH_BYTES = 4
#: TWS refuses longer messages; a length beyond it means the stream is out of step.
_MAX_FRAME_BYTES = 0xFFFFFF


class ProtocolError(ValueError):
    """Bytes or fields that are not the protocol: the connection they came by cannot be read on."""


@dataclass(frozen=True, slots=True)
class Hello:
    """A client's first frame: the range of server versions it speaks, and its connect options ("+PACEAPI" or empty)."""

    min_version: int
    max_version: int
    options: str = ""

    def negotiated(self, own_max: int = MAX_SERVER_VERSION) -> int | None:
        """The version TWS picks: the lower of both maxima; None when the client does not go down that far."""
        version = min(self.max_version, own_max)
        return version if version >= self.min_version else None


def text_of(field: Field) -> str:
    """The field as TWS writes it: 1/0 for truth, empty for None, Java's text for the unset double.

    Raises ProtocolError for a text with NUL in it (it would become two fields) and for NaN.
    """
    if field is None:
        return ""
    if isinstance(field, bool):
        return "1" if field else "0"
    if isinstance(field, float):
        return _float_text(field)
    if isinstance(field, Decimal):
        if not field.is_finite():
            raise ProtocolError(f"{field} is no number TWS writes")
        return format(field, "f")
    text = str(field)
    if "\0" in text:
        raise ProtocolError(f"a field must not contain NUL: {text!r}")
    return text


def _float_text(value: float) -> str:
    if math.isnan(value):
        raise ProtocolError("NaN is no number TWS writes")
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return UNSET_DOUBLE if value == sys.float_info.max else repr(value)


def encode(fields: Iterable[Field]) -> bytes:
    """One message as a frame, length and all."""
    return frame("".join(text_of(field) + "\0" for field in fields).encode())


def frame(body: bytes) -> bytes:
    """The body with its length before it."""
    return struct.pack(">I", len(body)) + body


def decode(body: bytes) -> tuple[str, ...]:
    """The fields of a frame's body. Raises ProtocolError when it does not end with NUL or is not UTF-8."""
    if not body.endswith(b"\0"):
        raise ProtocolError(f"a message ends with NUL; got {body[-20:]!r}")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError(f"a message is UTF-8 text: {error}") from error
    return tuple(text[:-1].split("\0"))


def handshake(server_version: int, connection_time: str) -> bytes:
    """The server's answer to Hello; `connection_time` as TWS writes it: "20250415 19:38:30 British Summer Time"."""
    return encode((server_version, connection_time))


class FrameReader:
    """Cuts a stream of bytes into frames' bodies, however the network split or joined them."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def pending_bytes(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> tuple[bytes, ...]:
        """The frames complete by now. Raises ProtocolError for a length no message has."""
        self._buffer += data
        bodies: list[bytes] = []
        while len(self._buffer) >= _LENGTH_BYTES:
            (length,) = struct.unpack_from(">I", self._buffer)
            if not 0 < length <= _MAX_FRAME_BYTES:
                raise ProtocolError(f"a frame of {length} bytes: the stream is out of step")
            end = _LENGTH_BYTES + length
            if len(self._buffer) < end:
                break
            bodies.append(bytes(self._buffer[_LENGTH_BYTES:end]))
            del self._buffer[:end]
        return tuple(bodies)


class ClientStream:
    """What one client sends, read in order: Hello first, then its messages' fields."""

    def __init__(self) -> None:
        self._frames = FrameReader()
        self._preamble = bytearray()
        self._greeted = False

    def feed(self, data: bytes) -> tuple[Hello | tuple[str, ...], ...]:
        """What is complete by now. Raises ProtocolError when the client does not speak the protocol."""
        return tuple(self._read(body) for body in self._frames.feed(self._past_preamble(data)))

    def _past_preamble(self, data: bytes) -> bytes:
        missing = len(_PREAMBLE) - len(self._preamble)
        self._preamble += data[:missing]
        if not _PREAMBLE.startswith(self._preamble):
            raise ProtocolError(f"a client begins with API and NUL; got {bytes(self._preamble)!r}")
        return data[missing:]

    def _read(self, body: bytes) -> Hello | tuple[str, ...]:
        if self._greeted:
            return decode(body)
        self._greeted = True
        return _hello(body)


def _hello(body: bytes) -> Hello:
    match = _HELLO.fullmatch(body.decode("ascii", "replace"))
    if match is None:
        raise ProtocolError(f"a client first names its versions (v157..176); got {body!r}")
    lowest, highest, options = match.groups()
    return Hello(int(lowest), int(highest or lowest), options or "")
