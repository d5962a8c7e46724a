"""Words in capitals that are no symbols: a trader's shorthand, names of the payload, words that are stressed."""

from __future__ import annotations

from typing import Final

_SHORTHAND: Final = """
ATM ITM OTM DTE DB CR BP BPR IV IVR HV RV PL PNL POP EV NAV NLV PM AM EOD GTC DAY MOC
LMT MKT SPAN OCC CBOE CME NYSE USD US NY ET EST EDT UTC FOMC CPI PCE NFP GDP FED ETF ETFS OK NA BUY SELL BTO STO BTC STC
LONG SHORT PUT CALL PUTS CALLS LOW MEDIUM HIGH VOL CRISIS MAX MIN MID BID ASK DELTA GAMMA THETA VEGA MARGIN LIMIT
"""
_KINDS: Final = "DO NOTHING CLOSE REDUCE ROLL WING VERTICAL BROKEN CALENDAR INDEX HEDGE OFFERED"
_STRESSED: Final = """
A I AN AND ARE AS AT BE BEFORE AFTER BEST BUT BY CAN DO DOES DON FIRST FOR FROM HAS HAVE IF IN IS IT ITS LAST LEAST LESS
MAY MORE MOST MUST NEW NEXT NEVER NO NONE NOT NOTE NOW OF ON ONE ONLY OR OUT OVER SECOND SO STILL THAN THAT THE THEN
THERE THESE THIS THOSE TO TOO TWO UNDER UP VERY WATCH WAS WHEN RISK BOOK TRADE COST CURE KEEP CHEAP ALL
ALSO WELL WHICH WHILE WILL WITH WORST YES YOU
"""
#: Levels that everybody speaks of, whatever is traded.
LEVELS: Final = frozenset({"SPX", "VIX", "VIX3M", "VVIX"})
#: Written small they are still symbols: the most traded ones that are no English words.
SMALL_SYMBOLS: Final = (
    "aapl|amd|amzn|arkk|avgo|baba|coin|dia|eem|fxi|gld|goog|googl|hyg|ief|intc|iwm|jpm|mes|meta|mnq|msft|mstr|ndx|nflx"
    "|nvda|nq|pltr|qqq|rut|smh|spx|spxw|spy|sqqq|tlt|tqqq|tsla|uso|uvxy|vix|vixy|vxx|xle|xlf|xlk|xlu|xsp"
)
DESK_WORDS: Final = frozenset(f"{_SHORTHAND} {_KINDS} {_STRESSED}".split())
