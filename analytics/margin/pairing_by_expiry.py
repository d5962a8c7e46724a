"""Books that pair within their expiries: every short in the spread of its own expiry, proven the least or not used.

A premium seller's book of condors and verticals holds, in each expiry and right, as many longs as shorts. That
every expiry then needs just the loss of its spread is proven by prices (Lagrange multipliers): `leave`, what a
short costs at least outside its own spread, and `sell`, what a long brings at most elsewhere, such that no cover
costs less than `leave` of its short less `sell` of its long, and no short straddle less than both of its sides.
Then a pairing costs at least, summed over the expiries, the least of loss + shorts outside at `leave` - longs not
used at `sell`. Where that is no less than the whole spread in each expiry, nothing is left to save. Prices of
any size hold; they are chosen expiry by expiry from what one contract fewer would save its own spread.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from analytics.margin.pairing import Pairing, UsedColumn, UsedSpread, best_pairing
from analytics.margin.pairing_model import (
    BoolArray,
    FloatArray,
    IntArray,
    Lines,
    PairingProblem,
    SpreadBlock,
    block_loss,
)
from analytics.margin.simplex import SimplexError, WholeProgramme, least_whole

_CENT: Final = 1e-4
"""Points below which a saving is rounding."""
_PAID_BY_HEAVY: Final = 0.95
_PROOF_WORK: Final = 10_000_000
"""Work limit of the proof of one expiry: four milliseconds, where most take less than one."""
_DISTINCT_LINES: Final = 60
"""Lines of expiries not alike that may be looked into one by one beside the whole book: some three milliseconds."""


class _Expiry(NamedTuple):
    """One expiry by the numbers of its lines; gains are intrinsic value at every exercise price of a long."""

    shorts: IntArray
    longs: IntArray
    short_gains: FloatArray
    long_gains: FloatArray
    losses: FloatArray

    @property
    def loss(self) -> float:
        """Requirement of all its contracts as one spread."""
        return max(0.0, float(self.losses.max()))


class _Book(NamedTuple):
    """The lines, and the expiries that hold shorts, in order."""

    shorts: Lines
    longs: Lines
    need: FloatArray
    expiries: tuple[_Expiry, ...]


def least_within_expiries(problem: PairingProblem) -> Pairing | None:
    """Every expiry as one spread, where that is proven the least; None where it is not, or shares may hedge."""
    book = _matched_book(problem)
    if book is None:
        return None
    leave, sell = _prices(book)
    idle = np.ones(sell.size, dtype=bool)
    for expiry in book.expiries:
        idle[expiry.longs] = False
    short_of = float(sell[idle] @ book.longs.contracts[idle])
    done: dict[bytes, float] = {}
    for expiry in reversed(book.expiries):
        short_of += _saving(book, expiry, leave, sell, done)
        if short_of > _CENT:
            return None
    return _as_spreads(problem, book)


def expiries_repeat(problem: PairingProblem) -> bool:
    """Whether the expiries are so much alike, as a regular seller's are, that looking into each costs little.

    Where every expiry differs, pairing across expiries or the relaxation saves more than this would.
    """
    if len({(line.is_call, line.strike, line.contracts) for line in problem.shorts}) > _DISTINCT_LINES:
        return False
    by_expiry: dict[float, set[tuple[bool, bool, float, int]]] = {line.expiry_epoch_s: set() for line in problem.shorts}
    for is_short, lines in ((True, problem.shorts), (False, problem.longs)):
        for line in lines:
            if line.expiry_epoch_s in by_expiry:
                by_expiry[line.expiry_epoch_s].add((is_short, line.is_call, line.strike, line.contracts))
    alike = {frozenset(lines) for lines in by_expiry.values()}
    return len(alike) < len(by_expiry) and sum(len(lines) for lines in alike) <= _DISTINCT_LINES


def pairing_within_expiries(problem: PairingProblem) -> Pairing | None:
    """Each expiry solved on its own, expiries alike only once; None when shares may hedge."""
    if problem.stock is not None and problem.stock.lots:
        return None
    moments = np.asarray([line.expiry_epoch_s for line in problem.shorts])
    guards = np.asarray([line.expiry_epoch_s for line in problem.longs])
    solved: dict[PairingProblem, Pairing] = {}
    found: list[Pairing] = []
    for moment in np.unique(moments):
        mine, own = np.flatnonzero(moments == moment), np.flatnonzero(guards == moment)
        shorts = tuple(problem.shorts[i]._replace(expiry_epoch_s=0.0) for i in mine)
        longs = tuple(problem.longs[j]._replace(expiry_epoch_s=0.0, price=0.0) for j in own)
        part = PairingProblem(shorts, longs, tuple(problem.uncovered[i] for i in mine))
        if part not in solved:
            solved[part] = best_pairing(part)
        found.append(_renumbered(problem, solved[part], mine, own))
    return Pairing(
        tuple(used for one in found for used in one.columns), tuple(spread for one in found for spread in one.spreads)
    )


def _renumbered(problem: PairingProblem, part: Pairing, shorts: IntArray, longs: IntArray) -> Pairing:
    """A pairing of one expiry under the numbers its lines have in the whole book."""

    def whole(numbers: IntArray, number: int) -> int:
        return int(numbers[number]) if number >= 0 else -1

    columns = [
        UsedColumn(
            used.column._replace(
                short=whole(shorts, used.column.short),
                other_short=whole(shorts, used.column.other_short),
                long=whole(longs, used.column.long),
            ),
            used.lots,
        )
        for used in part.columns
    ]
    moment = problem.shorts[int(shorts[0])].expiry_epoch_s
    spreads = [
        UsedSpread(
            SpreadBlock(moment, _numbers(shorts[list(one.block.shorts)]), _numbers(longs[list(one.block.longs)])),
            one.short_contracts,
            one.long_contracts,
            one.loss,
        )
        for one in part.spreads
    ]
    return Pairing(tuple(columns), tuple(spreads))


def _numbers(values: Iterable[float]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _matched_book(problem: PairingProblem) -> _Book | None:
    """The book by expiry; None unless each expiry with shorts has as many longs per right, and no shares hedge."""
    if not problem.longs or not problem.shorts or (problem.stock is not None and problem.stock.lots):
        return None
    shorts, longs = Lines(problem.shorts), Lines(problem.longs)
    moments = np.unique(shorts.expiry)
    short_at, long_at = np.searchsorted(moments, shorts.expiry), np.searchsorted(moments, longs.expiry)
    with_shorts = np.isin(longs.expiry, moments)
    over = np.zeros((moments.size, 2))
    np.add.at(over, (short_at, shorts.is_call.astype(np.int64)), shorts.contracts)
    np.subtract.at(
        over, (long_at[with_shorts], longs.is_call[with_shorts].astype(np.int64)), longs.contracts[with_shorts]
    )
    if over.any():
        return None
    expiries: list[_Expiry] = []
    for number in range(moments.size):
        mine, own = np.flatnonzero(short_at == number), np.flatnonzero((long_at == number) & with_shorts)
        at = np.unique(longs.strike[own])
        short_gains, long_gains = _intrinsic(at, shorts, mine), _intrinsic(at, longs, own)
        losses = short_gains @ shorts.contracts[mine] - long_gains @ longs.contracts[own]
        expiries.append(_Expiry(mine, own, short_gains, long_gains, losses))
    return _Book(shorts, longs, np.asarray(problem.uncovered, dtype=np.float64), tuple(expiries))


def _intrinsic(at: FloatArray, lines: Lines, chosen: IntArray) -> FloatArray:
    """Intrinsic value per contract, shape (prices, chosen)."""
    above = at[:, None] - lines.strike[chosen]
    return np.maximum(np.where(lines.is_call[chosen], above, -above), 0.0)


def _prices(book: _Book) -> tuple[FloatArray, FloatArray]:
    """`leave` per short and `sell` per long, as the module says; points.

    Down the expiries: a long sells for the most an earlier short would give for it, a short is worth what its
    spread would save without it, with or without one of its longs sold.
    """
    shorts, longs = book.shorts, book.longs
    alone = _uncovered_at_least(book)
    distance = shorts.strike[:, None] - longs.strike
    width = np.maximum(np.where(shorts.is_call[:, None], -distance, distance), 0.0)
    serves = (shorts.is_call[:, None] == longs.is_call) & (longs.expiry > shorts.expiry[:, None])
    width[~serves] = np.inf
    worth, sell = np.full(alone.size, -np.inf), np.zeros(longs.strike.size)
    for one in book.expiries:
        sell[one.longs] = np.maximum((worth[:, None] - width[:, one.longs]).max(axis=0), 0.0)
        fewer = one.losses[:, None] - one.short_gains
        saved = one.loss - np.maximum(fewer.max(axis=0), 0.0)
        both = one.loss - np.maximum((fewer[:, :, None] + one.long_gains[:, None, :]).max(axis=0), 0.0)
        both += sell[one.longs]
        both[shorts.is_call[one.shorts][:, None] != longs.is_call[one.longs]] = 0.0
        worth[one.shorts] = np.minimum(np.maximum(saved, both.max(axis=1)), alone[one.shorts])
    others = ~np.isin(longs.expiry, shorts.expiry)
    sell[others] = np.maximum((worth[:, None] - width[:, others]).max(axis=0, initial=0.0), 0.0)
    return np.minimum(alone, (width + sell).min(axis=1)), sell


def _uncovered_at_least(book: _Book) -> FloatArray:
    """What each uncovered short costs at least, its part in a short straddle included; points.

    In a straddle the side of the greater requirement pays, the other rides for its value. Riders are charged, and
    payers credited, a share of the largest base up to their requirement: never less for a greater requirement, so
    what is charged never exceeds what is credited. The right that loses more keeps most of its own.
    """
    shorts, need = book.shorts, book.need
    base = np.maximum(need - shorts.price, 0.0)
    heavy = _call_loss_is_greater(book)
    calls = _PAID_BY_HEAVY if heavy.all() else 0.5 if heavy.any() else 1.0 - _PAID_BY_HEAVY
    charge = {right: np.zeros(need.size) for right in (True, False)}  # to riders whose payers are of the other right
    for right, share in ((True, calls), (False, 1.0 - calls)):
        mine = np.flatnonzero(shorts.is_call == right)
        if mine.size:
            mine = mine[np.argsort(need[mine], kind="stable")]
            most = np.concatenate((np.zeros(1), np.maximum.accumulate(base[mine])))
            charge[right] = share * most[np.searchsorted(need[mine], need, side="right")]
    own = np.where(shorts.is_call, charge[True], charge[False])
    other = np.where(shorts.is_call, charge[False], charge[True])
    return np.minimum(need - other, shorts.price + own)


def _call_loss_is_greater(book: _Book) -> BoolArray:
    """Per expiry: whether its calls lose more above all exercise prices than its puts do below."""
    shorts, longs = book.shorts, book.longs
    sold = np.where(shorts.is_call, -shorts.strike, shorts.strike) * shorts.contracts
    held = np.where(longs.is_call, longs.strike, -longs.strike) * longs.contracts
    found: list[bool] = []
    for one in book.expiries:
        calls, own = shorts.is_call[one.shorts], longs.is_call[one.longs]
        loss = (sold[one.shorts][calls].sum() + held[one.longs][own].sum()) - (
            sold[one.shorts][~calls].sum() + held[one.longs][~own].sum()
        )
        found.append(bool(loss > 0.0))
    return np.asarray(found, dtype=bool)


def _saving(book: _Book, one: _Expiry, leave: FloatArray, sell: FloatArray, done: dict[bytes, float]) -> float:
    """What one expiry could save at these prices against its whole spread, at most; expiries alike are solved once."""
    programme = _programme(book, one, leave[one.shorts], sell[one.longs])
    lots = programme.limits
    key = programme.at_most.tobytes() + lots.tobytes() + programme.cost.tobytes()
    if key not in done:
        count = one.shorts.size + one.longs.size
        whole_spread = float(programme.cost[:count] @ lots[:count]) + one.loss
        try:
            floor = least_whole(programme, _PROOF_WORK, beat=whole_spread).floor
        except SimplexError:
            floor = -np.inf
        done[key] = max(0.0, whole_spread - floor)
    return done[key]


def _programme(book: _Book, one: _Expiry, leave: FloatArray, sell: FloatArray) -> WholeProgramme:
    """One expiry at prices: contracts of each short and long in its spread, then the loss."""
    is_call = np.concatenate((book.shorts.is_call[one.shorts], book.longs.is_call[one.longs]))
    sign = np.repeat((1.0, -1.0), (one.shorts.size, one.longs.size))
    gains = np.concatenate((one.short_gains, -one.long_gains), axis=1)
    rights = np.stack((is_call, ~is_call)) * sign
    scale = np.maximum(np.abs(gains).max(axis=1), 1.0)[:, None]
    count, losses = sign.size, len(gains)
    at_most = np.zeros((count + 2 + losses, count + 1))
    at_most[:count, :count] = np.eye(count)
    at_most[count : count + 2, :count] = rights
    at_most[count + 2 :, :count] = gains / scale
    at_most[count + 2 :, count:] = -1.0 / scale
    contracts = np.concatenate((book.shorts.contracts[one.shorts], book.longs.contracts[one.longs]))
    return WholeProgramme(
        cost=np.concatenate((-leave, sell, np.ones(1))),
        at_most=at_most,
        limits=np.concatenate((contracts, np.zeros(2 + losses))),
        whole=np.arange(count + 1) < count,
        whole_rows=np.arange(count + 2 + losses) < count + 2,
    )


def _as_spreads(problem: PairingProblem, book: _Book) -> Pairing:
    """Every expiry as one spread of all its contracts."""
    spreads: list[UsedSpread] = []
    for one in book.expiries:
        moment = float(book.shorts.expiry[one.shorts[0]])
        block = SpreadBlock(moment, _numbers(one.shorts), _numbers(one.longs))
        sold, held = book.shorts.contracts[one.shorts], book.longs.contracts[one.longs]
        spreads.append(UsedSpread(block, _numbers(sold), _numbers(held), block_loss(problem, block, sold, held)))
    return Pairing((), tuple(spreads))
