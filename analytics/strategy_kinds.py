"""Names, tags and direction of the strategies a trader talks about."""

from __future__ import annotations

from enum import Enum, StrEnum


class Bias(StrEnum):
    """What the position wants to happen."""

    BULLISH = "bullish"
    BEARISH = "bearish"
    QUIET = "quiet"
    MOVE = "move"
    MIXED = "mixed"


class Family(StrEnum):
    """Coarse group, for icons and filters."""

    SINGLE = "single"
    STOCK = "stock"
    VERTICAL = "vertical"
    IRON_CONDOR = "iron_condor"
    BUTTERFLY = "butterfly"
    CONDOR = "condor"
    STRANGLE = "strangle"
    STRADDLE = "straddle"
    CALENDAR = "calendar"
    DIAGONAL = "diagonal"
    COVERED = "covered"
    RATIO = "ratio"
    BOX = "box"
    JADE_LIZARD = "jade_lizard"
    SYNTHETIC = "synthetic"
    CUSTOM = "custom"


class StrategyKind(Enum):
    """Every strategy the desk can name: (tag stored in the journal, name shown, family, bias)."""

    LONG_CALL = ("long_call", "Long call", Family.SINGLE, Bias.BULLISH)
    SHORT_CALL = ("short_call", "Short call", Family.SINGLE, Bias.BEARISH)
    LONG_PUT = ("long_put", "Long put", Family.SINGLE, Bias.BEARISH)
    SHORT_PUT = ("short_put", "Short put", Family.SINGLE, Bias.BULLISH)
    CASH_SECURED_PUT = ("cash_secured_put", "Cash-secured put", Family.SINGLE, Bias.BULLISH)
    LONG_STOCK = ("long_stock", "Long stock", Family.STOCK, Bias.BULLISH)
    SHORT_STOCK = ("short_stock", "Short stock", Family.STOCK, Bias.BEARISH)
    LONG_FUTURE = ("long_future", "Long future", Family.STOCK, Bias.BULLISH)
    SHORT_FUTURE = ("short_future", "Short future", Family.STOCK, Bias.BEARISH)
    BULL_PUT_SPREAD = ("bull_put_spread", "Bull put spread", Family.VERTICAL, Bias.BULLISH)
    BEAR_CALL_SPREAD = ("bear_call_spread", "Bear call spread", Family.VERTICAL, Bias.BEARISH)
    BULL_CALL_SPREAD = ("bull_call_spread", "Bull call spread", Family.VERTICAL, Bias.BULLISH)
    BEAR_PUT_SPREAD = ("bear_put_spread", "Bear put spread", Family.VERTICAL, Bias.BEARISH)
    IRON_CONDOR = ("iron_condor", "Short iron condor", Family.IRON_CONDOR, Bias.QUIET)
    REVERSE_IRON_CONDOR = ("reverse_iron_condor", "Reverse iron condor", Family.IRON_CONDOR, Bias.MOVE)
    IRON_BUTTERFLY = ("iron_butterfly", "Short iron butterfly", Family.BUTTERFLY, Bias.QUIET)
    REVERSE_IRON_BUTTERFLY = ("reverse_iron_butterfly", "Reverse iron butterfly", Family.BUTTERFLY, Bias.MOVE)
    LONG_BUTTERFLY = ("long_butterfly", "Long {right} butterfly", Family.BUTTERFLY, Bias.QUIET)
    SHORT_BUTTERFLY = ("short_butterfly", "Short {right} butterfly", Family.BUTTERFLY, Bias.MOVE)
    BROKEN_WING_BUTTERFLY = (
        "broken_wing_butterfly",
        "Broken-wing {right} butterfly",
        Family.BUTTERFLY,
        Bias.QUIET,
    )
    SHORT_BROKEN_WING_BUTTERFLY = (
        "short_broken_wing_butterfly",
        "Short broken-wing {right} butterfly",
        Family.BUTTERFLY,
        Bias.MOVE,
    )
    LONG_CONDOR = ("long_condor", "Long {right} condor", Family.CONDOR, Bias.QUIET)
    SHORT_CONDOR = ("short_condor", "Short {right} condor", Family.CONDOR, Bias.MOVE)
    LONG_STRADDLE = ("long_straddle", "Long straddle", Family.STRADDLE, Bias.MOVE)
    SHORT_STRADDLE = ("short_straddle", "Short straddle", Family.STRADDLE, Bias.QUIET)
    LONG_STRANGLE = ("long_strangle", "Long strangle", Family.STRANGLE, Bias.MOVE)
    SHORT_STRANGLE = ("short_strangle", "Short strangle", Family.STRANGLE, Bias.QUIET)
    LONG_GUTS = ("long_guts", "Long guts", Family.STRANGLE, Bias.MOVE)
    SHORT_GUTS = ("short_guts", "Short guts", Family.STRANGLE, Bias.QUIET)
    CALENDAR = ("calendar", "{Right} calendar", Family.CALENDAR, Bias.QUIET)
    SHORT_CALENDAR = ("short_calendar", "Short {right} calendar", Family.CALENDAR, Bias.MOVE)
    DOUBLE_CALENDAR = ("double_calendar", "Double calendar", Family.CALENDAR, Bias.QUIET)
    DIAGONAL = ("diagonal", "{Right} diagonal", Family.DIAGONAL, Bias.MIXED)
    SHORT_DIAGONAL = ("short_diagonal", "Short {right} diagonal", Family.DIAGONAL, Bias.MIXED)
    DOUBLE_DIAGONAL = ("double_diagonal", "Double diagonal", Family.DIAGONAL, Bias.QUIET)
    COVERED_CALL = ("covered_call", "Covered call", Family.COVERED, Bias.BULLISH)
    COVERED_PUT = ("covered_put", "Covered put", Family.COVERED, Bias.BEARISH)
    PROTECTIVE_PUT = ("protective_put", "Protective put", Family.COVERED, Bias.BULLISH)
    PROTECTIVE_CALL = ("protective_call", "Protective call", Family.COVERED, Bias.BEARISH)
    COVERED_STRANGLE = ("covered_strangle", "Covered strangle", Family.COVERED, Bias.BULLISH)
    COLLAR = ("collar", "Collar", Family.COVERED, Bias.BULLISH)
    CONVERSION = ("conversion", "Conversion", Family.COVERED, Bias.QUIET)
    REVERSE_CONVERSION = ("reverse_conversion", "Reverse conversion", Family.COVERED, Bias.QUIET)
    RATIO_SPREAD = ("ratio_spread", "{Right} ratio spread {ratio}", Family.RATIO, Bias.MIXED)
    BACKSPREAD = ("backspread", "{Right} backspread {ratio}", Family.RATIO, Bias.MOVE)
    LONG_BOX = ("long_box", "Long box", Family.BOX, Bias.QUIET)
    SHORT_BOX = ("short_box", "Short box", Family.BOX, Bias.QUIET)
    JADE_LIZARD = ("jade_lizard", "Jade lizard", Family.JADE_LIZARD, Bias.BULLISH)
    REVERSE_JADE_LIZARD = ("reverse_jade_lizard", "Reverse jade lizard", Family.JADE_LIZARD, Bias.BEARISH)
    BIG_LIZARD = ("big_lizard", "Big lizard", Family.JADE_LIZARD, Bias.BULLISH)
    SYNTHETIC_LONG = ("synthetic_long", "Synthetic long", Family.SYNTHETIC, Bias.BULLISH)
    SYNTHETIC_SHORT = ("synthetic_short", "Synthetic short", Family.SYNTHETIC, Bias.BEARISH)
    BULLISH_RISK_REVERSAL = ("risk_reversal", "Bullish risk reversal", Family.SYNTHETIC, Bias.BULLISH)
    BEARISH_RISK_REVERSAL = ("bearish_risk_reversal", "Bearish risk reversal", Family.SYNTHETIC, Bias.BEARISH)
    CUSTOM = ("custom", "Custom", Family.CUSTOM, Bias.MIXED)

    @property
    def tag(self) -> str:
        """Stable text for `trade_journal.strategy_tag`."""
        return self.value[0]

    @property
    def pattern(self) -> str:
        """Name with {right}, {Right} and {ratio} to fill."""
        return self.value[1]

    @property
    def family(self) -> Family:
        """Coarse group."""
        return self.value[2]

    @property
    def bias(self) -> Bias:
        """What the position wants to happen."""
        return self.value[3]
