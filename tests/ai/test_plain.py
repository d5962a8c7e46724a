from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai.plain import clip, has_link, is_latin, note_text, plain, sentences

LINKS = [
    "see https://evil.example/x?q=1",
    "see HTTPS://EVIL.EXAMPLE",
    "see http:/evil",
    "[click](https://evil.example)",
    "![x](//evil.example/a.png)",
    "visit www.evil.example",
    "visit www .evil.example",
    "evil.com is nice",
    "evil.example/steal?d=1",
    "a.b.c.xyz",
    "a.b.c.d.e.f.g.h.i.evil.com",
    "a.b.c.d.e.f.g.h.evil.xx/steal",
    "evil[.]com",
    "evil(.)com",
    "evil dot com",
    "hxxp://evil",
    "javascript:alert(1)",
    "data:text/html;base64,AAAA",
    "mailto:me@evil.example",
    "write to me@evil.example",
    "ftp://evil/x",
    "10.0.0.1 is a host",
    "ｈｔｔｐｓ：//evil.example",
    "ht\u200btps://evil.example",
    "https&#58;//evil.example",
    "https&amp;#58;//evil.example",
    "<a href=https://evil.example>x</a>",
    "<img src='//evil.example/x.png'>",
]
NO_LINKS = [
    "Vega falls to 72.1% of its limit.",
    "e.g. the 6700/6600 put vertical, i.e. cheap",
    "It costs $4.3k vs. $1.2k.",
    "Price rises.In the end it falls",
    "S&P 500 at 6,903.25",
    "debit: 4.10",
    "theta/vega 1.5/2.0",
]
FORBIDDEN = set("<>*_`#[]{}|\\~^")


@pytest.mark.parametrize("text", LINKS)
def test_what_leads_anywhere_is_seen_however_it_is_disguised(text: str) -> None:
    assert any(has_link(each) for each in sentences(text))


@pytest.mark.parametrize("text", NO_LINKS)
def test_a_trader_s_words_are_no_links(text: str) -> None:
    assert not any(has_link(each) for each in sentences(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**Buy** the `c07`", "Buy the c07"),
        ("# Heading", "Heading"),
        ("- one bullet", "one bullet"),
        ("1. first", "first"),
        ("<b>bold</b> and <script>x</script>", "bold and x"),
        ("delta < 0 and vega >= 5", "delta below 0 and vega at least 5"),
        ("72% -> 60%", "72% to 60%"),
        ("2*3", "2 3"),
        ("HIGH_VOL", "HIGH VOL"),
        ("６８００\u200bP \u202eabc\u202c", "6800P abc"),
        ("٦٨٠٠", "6800"),
        ("a | b | c", "a , b , c"),
        ("{'order': [1]}", "'order': (1)"),
        ("t\u0336e\u0336x\u0336t", "text"),
        ("&lt;b&gt;x&lt;/b&gt;", "x"),
    ],
)
def test_markup_and_hidden_characters_go_and_the_words_stay(text: str, shown: str) -> None:
    assert " ".join(plain(each) for each in sentences(text)) == shown


def test_sentences_end_where_they_end() -> None:
    assert sentences("Vega is at 72.1% vs. 137%. It costs $4.3k! Is it?\nYes") == [
        "Vega is at 72.1% vs. 137%.",
        "It costs $4.3k!",
        "Is it?",
        "Yes",
    ]


@given(st.text())
def test_nothing_of_markup_or_control_is_left_of_any_text(text: str) -> None:
    shown = " ".join(plain(each) for each in sentences(text))
    assert not set(shown) & FORBIDDEN
    assert shown.isprintable()
    assert "\n" not in shown


@given(st.text(), st.integers(10, 50))
def test_a_clipped_text_is_no_longer_than_asked(text: str, longest: int) -> None:
    assert len(clip(text, longest)) <= longest
    assert clip(text[:longest], longest) == text[:longest]


def test_letters_of_other_scripts_are_told_apart() -> None:
    assert is_latin("Δ and Γ of the naïve 6800 P")
    assert not is_latin("АAPL")
    assert not is_latin("买入")


@pytest.mark.parametrize(
    "secret",
    [
        "U1234567",
        "DU7654321",
        "5WT00001",
        "512,340.22",
        "512340",
        "sk-abcdEFGH12345678",
        "eyJhbGciOi.eyJzdWIiOiIx.abc123def",
        "+49 170 1234567",
        "me@mail.example",
        "https://x.example/?a=1",
    ],
)
def test_a_note_leaves_without_accounts_balances_keys_and_addresses(secret: str) -> None:
    told = note_text(f"First line. Keep {secret} in mind. Vol was rich at 24.6.", 400)
    assert secret not in told
    assert not any(piece in told for piece in re.findall(r"\d{4,}", secret))
    assert told.startswith("First line.")
    assert told.endswith("Vol was rich at 24.6.")
