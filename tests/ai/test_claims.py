from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai.claims import false_claims, mentioned
from ai.facts import Facts, Figure
from ai.payload import Unit
from ai.payload_build import build_payload
from ai.plain import has_link, plain, sentences
from tests.ai.builders import task

FACTS = Facts.of(build_payload(task(), may_send_notes=False))
CLOSE = FACTS.about(frozenset({"c07"}))

TRUE = [
    "Closing the SPXW 18 Dec 26 6800 P brings vega from 137 % to 72.1 % of its limit.",
    "It costs $4,270 with $40 of slippage, $2.60 of fees.",
    "Costs $4.3k and gives up $262 of theta a day.",
    "Theta changes by -$262, or −262 a day.",
    "Buys two contracts of the Dec 18 6800P.",
    "Buys .SPXW261218P6800 at DB 21.40, a debit of 21.4.",
    "SPXW  261218P06800000 is the short put.",
    "It cures 100 % of the excess; vega is 37 % over its limit.",
    "Buy 2 6800 puts, or 2x 6800P.",
    "The worst stress at -12 % improves by 47 per cent.",
    "c07 is best, c03 second.",
    "28 days to expiry, 28 DTE, four weeks.",
    "The 6700/6600 put vertical is 100 points wide for a debit of 4.10.",
    "Cheaper at $1.2k ($1,234.50) than c07.",
    "The 21-delta put with VIX at 24.6 and SPX at 6,903.",
    "Its delta of -0.214 and an IV of 18.3 %.",
    "Sells 10 XSP 690 calls for CR 2.05, a $2,050 credit.",
    "Rolls Dec into January: the 6500P calendar adds +$12.75 of theta a day.",
    "The S&P 500 at 6,903.25 is T+0 and the P&L follows.",
    "Leaves 0 limits broken of five limits.",
    "It is the 1st choice: 3 spreads, 2 legs.",
    "Margin use falls from 94 % to 73 % of its limit, by 21 %.",
    "Use of vega falls by 65 points.",
    "HIGH VOL regime: the Jan 15 6500 put is long.",
    "Long the 6500 P expiring Jan 15, 2027.",
    "BUY 2 SPX Dec 18 6800P.",
    "Sell the 2026-12-18 6600 put on 12/18.",
    "Buying P6800 back, the put at 6800, is NOT cheap but BEST.",
    "Nothing here is a figure; it may be one of the better trades.",
    "VIX3M, SPX and SPY are only watched.",
    "Buys three of the 6700/6600 put spreads.",
    "It almost halves the worst loss, by nearly half; a double calendar is no third choice.",
    "Vega stays at three quarters of its limit.",
    "Buys back the short 6800 P; the 6800 puts that were sold are gone.",
]
FALSE = [
    ("Buy the SPXW 18 Dec 26 6750 P.", "SPXW 18 Dec 26 6750 P"),
    ("Buy the SPXW 19 Dec 26 6800 P.", "SPXW 19 Dec 26 6800 P"),
    ("Buy the SPXW 18 Dec 27 6800 P.", "SPXW 18 Dec 27 6800 P"),
    ("Vega goes to 70 % of its limit.", "70 %"),
    ("It costs $4,290.", "$4,290"),
    ("It costs $4.4k.", "$4.4k"),
    ("It costs 4270 %.", "4270 %"),
    ("Buy the 12/19 6800P.", "12/19 6800P"),
    ("Buy AAPL 300 calls.", "AAPL 300 calls"),
    ("Buy some AAPL puts.", "AAPL"),
    ("Sell TSLA.", "TSLA"),
    ("Sell some tsla shares.", "tsla"),
    ("XSP 6800 P.", "XSP 6800 P"),
    ("xsp 6800p", "xsp 6800p"),
    ("SPXW Dec 18 6700C.", "SPXW Dec 18 6700C"),
    (".SPXW261218P6750", ".SPXW261218P6750"),
    ("SPXW  261218C06800000 now.", "SPXW  261218C06800000"),
    ("CR 21.40 for it.", "CR 21.40"),
    ("A cost of -$1,234.5.", "-$1,234.5"),
    ("Adds +$262 of theta.", "+$262"),
    ("6800 calls.", "6800 calls"),
    ("Sell the January 6800 P.", "January 6800 P"),
    ("c99 is best.", "c99"),
    ("c21 is best.", "c21"),
    ("About fifty per cent of it.", "fifty per cent"),
    ("Twenty-five contracts.", "Twenty-five contracts"),
    ("1⁄2 of it.", "1⁄"),
    ("Worth 3.2.", "3.2"),
    ("Buys 9 6800 puts.", "9 6800 puts"),
    ("June expiry.", "June"),
    ("The Mar puts.", "Mar"),
    ("Buy ESZ6.", "ESZ6"),
    ("Trade the 7000/6900 put spread.", "7000/6900 put"),
    ("P6750 and C6800.", "P6750"),
    ("Put at 6750.", "Put at 6750"),
    ("Two hundred thousand dollars.", "Two hundred thousand dollars"),
    ("Buy F calls.", "F calls"),
    ("Account U1234567.", "U1234567"),
    ("Version 2a4b.", "2a4b."),
    ("SPX at 7,000.", "7,000"),
    ("VIX at 30.", "30"),
    ("VIX 25 calls.", "VIX 25 calls"),
    ("It is 13 days.", "13 days"),
    ("3.75 weeks.", "3.75 weeks"),
    ("In 2031-01-01.", "2031-01-01"),
    ("It doubles theta.", "doubles"),
    ("It costs twice as much.", "twice"),
    ("Tenfold theta.", "Tenfold"),
    ("Sell the 6800 P.", "Sell the 6800 P"),
    ("Selling 2 SPXW 18 Dec 26 6800 P.", "Selling 2 SPXW 18 Dec 26 6800 P"),
    ("SELL the 15 Jan 6500 puts.", "SELL the 15 Jan 6500 puts"),
    ("It buys 10 XSP 690 calls.", "buys 10 XSP 690 calls"),
]


#: As models write.
WRITTEN = [
    (
        "c07",
        "Closing the short 6800 puts removes vega at its source: usage drops from 137% to 72%, inside the limit.",
    ),
    ("c07", "Costs $4,270 plus $40 slippage, but gives up $262/day of theta."),
    ("c07", "The worst-case loss at a 12% drop shrinks by 47%."),
    ("c07", "It frees ~21 points of margin usage (94% → 73%)."),
    ("c07", "2 × SPXW 18 Dec 26 6800 P at 21.40 debit."),
    ("c07", "The Dec-18 6800P, i.e. 18DEC26 6800P, has a 0.21 delta and 28 days left."),
    ("c07", "The December 18th 6,800-strike put is the largest driver."),
    ("c07", "Brings vega below 100% of its limit."),
    ("c07", "It is the priciest at $4,270, yet the only one that takes delta from 78% to 29% of its bound."),
    ("c07", "IV of 18.3% is elevated."),
    ("c07", "I'd do this one (c07) first."),
    ("c07", "It leaves no limit broken."),
    ("c07", "With VIX at 24.6 in the HIGH_VOL regime, buying back short vega is dear."),
    ("c07", "The theta given up is -$262.00 per day."),
    ("c07", "This BUY of 2 contracts (multiplier 100) closes the position."),
    ("c03", "A 3-lot 6700/6600 put spread for a DB 4.10 net, 100-wide."),
    ("c03", "Cures 100% of the breach for $1,234.50 and $38.50/day."),
    ("c03", "Buys three 6700 puts and sells three 6600 puts."),
    ("c03", "The 100-point-wide vertical caps its own help below 6600."),
    ("c03", "Net debit of $4.10 per package, three packages."),
    ("c03", "Cuts worst-case loss by 23%."),
    ("c03", "Vega at 93% leaves only 7% headroom."),
    ("c03", "Both legs expire Dec 18, 2026 (28 DTE)."),
    ("c03", "SPXW Dec 18 6700/6600 put vertical x3."),
    ("c12", "Sells the 18 Dec 6500 puts and buys the 15 Jan 6500 puts, 28 and 56 days out."),
    ("c12", "Adds $12.75/day of theta: the only cure that pays you to wait."),
    ("c12", "Net $18.25 debit, $3,650 in total, $90 slippage."),
    ("c15", "Sells 10 XSP 690 calls for CR 2.05 ($2,050 credit), adding $55/day."),
    ("c15", "Only 42% of the excess is cured; vega stays at 121% of its limit, 21.5% over."),
    ("c15", "Collects $2,050."),
    ("c00", "Doing nothing leaves vega 37% over its limit."),
    ("c00", "DO_NOTHING keeps all theta but 1 limit stays broken."),
]


@pytest.mark.parametrize(("name", "text"), WRITTEN)
def test_a_model_that_keeps_to_the_data_loses_nothing(name: str, text: str) -> None:
    for sentence in sentences(text):
        line = plain(sentence)
        assert not has_link(line)
        assert false_claims(line, FACTS.about(mentioned(line, FACTS) | {name})) == ()


@pytest.mark.parametrize("sentence", TRUE)
def test_what_stands_in_the_payload_may_be_said_as_traders_say_it(sentence: str) -> None:
    assert false_claims(sentence, FACTS) == ()


@pytest.mark.parametrize(("sentence", "piece"), FALSE)
def test_what_does_not_stand_there_is_found(sentence: str, piece: str) -> None:
    assert piece in " ".join(false_claims(sentence, FACTS))


def test_figures_and_contracts_of_another_candidate_are_not_those_of_this_one() -> None:
    for sentence in ("It costs $1,234.50.", "Buys the 6700 P.", "Buys three contracts.", "DB 4.10 a package."):
        assert false_claims(sentence, FACTS) == ()
        assert false_claims(sentence, CLOSE)
    assert mentioned("Dearer than c03 and C12, not c99.", FACTS) == {"c03", "c12"}


def test_a_share_in_words_stands_for_a_percentage_near_it() -> None:
    vertical = FACTS.about(frozenset({"c03"}))
    assert false_claims("It takes a quarter off the worst loss.", vertical) == ()
    assert false_claims("It takes half off the worst loss.", vertical) == ("half",)
    assert false_claims("It takes half off the worst loss.", CLOSE) == ()
    assert false_claims("It takes two-thirds off the worst loss.", vertical) == ("two-thirds",)


def plain_digits(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")


@given(st.sampled_from([each for each in FACTS.figures if each.value]))
def test_every_figure_may_be_written_as_it_stands(figure: Figure) -> None:
    facts = FACTS.about(frozenset({figure.owner}))
    unit = {Unit.USD: "${}", Unit.PCT: "{} %", Unit.DAYS: "{} days", Unit.COUNT: "{} contracts"}.get(figure.unit, "{}")
    digits = plain_digits(abs(figure.value)) if figure.unit is not Unit.PLAIN else f"{abs(figure.value):.5f}"
    assert false_claims(f"It is {unit.format(digits)} now.", facts) == ()


@given(
    value=st.decimals(min_value=0, max_value=1_000_000, places=2, allow_nan=False),
    form=st.sampled_from(["{}", "${}", "{}%", "{} %", "-{}", "+{}", "{} days", "{} contracts", "({})", "{}x", "DB {}"]),
)
def test_a_number_that_is_near_none_of_the_figures_never_passes(value: float, form: str) -> None:
    size = float(value)
    if any(abs(size - abs(figure.value)) <= 0.0051 for figure in FACTS.figures):
        return
    assert false_claims(f"It is {form.format(value)} now.", FACTS)


@given(
    strike=st.integers(100, 9999),
    day=st.integers(1, 28),
    month=st.sampled_from(["Jan", "Dec", "Jun", "Aug"]),
    right=st.sampled_from(["P", "C", " put", " calls", " P"]),
    root=st.sampled_from(["", "SPXW ", "XSP ", "SPX ", "AAPL ", "/ES "]),
)
def test_a_contract_passes_only_when_it_is_one_of_the_trades(
    strike: int, day: int, month: str, right: str, root: str
) -> None:
    side = "put" if right.strip()[0].lower() == "p" else "call"
    known = any(
        each.strike == strike
        and each.right == side
        and each.expiry is not None
        and (each.expiry.day, f"{each.expiry:%b}") == (day, month)
        and (not root or each.is_called(root.strip()))
        for each in FACTS.contracts
    )
    claims = false_claims(f"Look at {root}{day} {month} {strike}{right} now.", FACTS)
    assert (claims == ()) == known


@given(st.text(max_size=60))
def test_whatever_is_written_no_unknown_digit_passes(text: str) -> None:
    nobody = Facts(figures=(), contracts=(), ids=frozenset(), symbols=frozenset(), as_of=FACTS.as_of)
    line = "".join(each for each in text if each.isprintable())
    free = ("S&P", "T+0", "VIX3M", "st", "nd", "rd", "th", "20")  # names, ordinals, and the day itself
    if any(each.isdecimal() for each in line) and not any(each in line for each in free):
        assert false_claims(line, nobody)
