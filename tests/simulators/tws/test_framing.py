from __future__ import annotations

import itertools
import math
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulators.tws import framing
from tests.simulators.tws.framing import ClientStream, FrameReader, Hello, ProtocolError, decode, encode, text_of

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
MESSAGES = st.lists(st.lists(TEXTS, min_size=1, max_size=6), min_size=1, max_size=6)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (None, ""),
        (True, "1"),
        (False, "0"),
        (2147483647, "2147483647"),
        (-1, "-1"),
        (0.05, "0.05"),
        (sys.float_info.max, "1.7976931348623157E308"),
        (math.inf, "Infinity"),
        (Decimal("1E+2"), "100"),
        (Decimal("-1.250"), "-1.250"),
        (Decimal("1E-7"), "0.0000001"),
        ("DU123", "DU123"),
        ("", ""),
    ],
)
def test_a_field_is_written_as_tws_writes_it(field: framing.Field, text: str) -> None:
    assert text_of(field) == text


@pytest.mark.parametrize("field", ["two\0fields", math.nan, Decimal("NaN"), Decimal("Infinity")])
def test_what_the_wire_cannot_carry_is_refused(field: framing.Field) -> None:
    with pytest.raises(ProtocolError):
        text_of(field)


def test_a_message_is_its_length_and_its_fields_each_ended_by_nul() -> None:
    assert encode((9, 1, 42)) == b"\x00\x00\x00\x079\x001\x0042\x00"
    assert decode(b"9\x001\x0042\x00") == ("9", "1", "42")
    assert decode(b"5\x00\x00\x00") == ("5", "", "")


def test_the_servers_greeting_is_version_and_time() -> None:
    greeting = framing.handshake(178, "20250415 19:38:30 British Summer Time")
    assert decode(greeting[4:]) == ("178", "20250415 19:38:30 British Summer Time")


@given(messages=MESSAGES, places=st.lists(st.integers(0, 400), max_size=8))
def test_messages_survive_however_the_network_cuts_them(messages: list[list[str]], places: list[int]) -> None:
    stream = b"".join(encode(message) for message in messages)
    reader = FrameReader()
    bodies = [body for part in cut(stream, places) for body in reader.feed(part)]
    assert [list(decode(body)) for body in bodies] == messages
    assert reader.pending_bytes == 0


def test_an_unfinished_message_waits_for_its_rest() -> None:
    reader = FrameReader()
    data = encode((49, 1))
    assert reader.feed(data[:-1]) == ()
    assert reader.pending_bytes == len(data) - 1
    assert reader.feed(data[-1:] + data[:2]) == (b"49\x001\x00",)
    assert reader.pending_bytes == 2


@given(places=st.lists(st.integers(0, 60), max_size=6))
def test_a_client_is_read_from_its_first_byte_on_however_it_is_cut(places: list[int]) -> None:
    data = b"API\0" + framing.frame(b"v157..176") + encode((71, 2, 1, "")) + encode((61, 1))
    stream = ClientStream()
    read = [item for part in cut(data, places) for item in stream.feed(part)]
    assert read == [Hello(157, 176), ("71", "2", "1", ""), ("61", "1")]


@pytest.mark.parametrize(
    ("body", "hello"),
    [
        (b"v157..178", Hello(157, 178)),
        (b"v157..176 +PACEAPI", Hello(157, 176, "+PACEAPI")),
        (b"v100..225", Hello(100, 225)),
        (b"v176", Hello(176, 176)),
    ],
)
def test_the_versions_a_client_speaks_are_read(body: bytes, hello: Hello) -> None:
    assert ClientStream().feed(b"API\0" + framing.frame(body)) == (hello,)


@pytest.mark.parametrize(
    ("hello", "version"),
    [
        (Hello(157, 176), 176),
        (Hello(157, 178), 178),
        (Hello(100, 225), 178),
        (Hello(157, 163), 163),
        (Hello(200, 225), None),
    ],
)
def test_the_lower_of_both_maxima_is_agreed_on_or_none(hello: Hello, version: int | None) -> None:
    assert hello.negotiated() == version


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"API\x01",
        b"API\0" + framing.frame(b"157"),
        b"API\0" + framing.frame(b"v\xff"),
        b"API\0" + framing.frame(b"v157..176") + framing.frame(b"71"),
        b"API\0" + framing.frame(b"v157..176") + framing.frame(b"\xff\x00"),
        b"API\0\0\0\0\0",
        b"API\0\x7f\xff\xff\xff",
    ],
)
def test_what_is_not_the_protocol_is_refused(data: bytes) -> None:
    stream = ClientStream()
    with pytest.raises(ProtocolError):
        stream.feed(data)
