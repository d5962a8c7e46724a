"""Where the journal's rows come from: the reader, opened when first needed, always in a worker thread.

`JournalSource` keeps the model's list (first page, then exactly the rows on screen) and answers for facets, details
and exports. A newer question drops the answer to an older one of its kind, so quick scrolling queues nothing up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from database.journal_query import JournalFilter
from ui.journal.columns import Line, line_of
from ui.journal.model import JournalModel
from ui.op import Op, ReaderPool

if TYPE_CHECKING:
    from database.journal_query import JournalDetail, JournalFacets
    from database.reader import JournalReader

#: Rows asked for before the table has told how many it shows.
_FIRST_LOOK = 40


class LazyReader:
    """Opens the reader on first use, whichever worker comes first; who made `open_reader` closes what it gave."""

    def __init__(self, open_reader: Callable[[], JournalReader]) -> None:
        self._open_reader = open_reader
        self._lock = threading.Lock()
        self._reader: JournalReader | None = None

    def get(self) -> JournalReader:
        """Returns the open reader; worker threads only, since opening touches the disk."""
        with self._lock:
            if self._reader is None:
                self._reader = self._open_reader()
            return self._reader


@dataclass(frozen=True, slots=True)
class _List:
    """A list as the reader gave it: its first lines, length, and the youngest row it may contain."""

    lines: tuple[Line, ...]
    total: int
    newest_seq: int
    #: Lines of the rows on screen, from row `window_at` on.
    window: tuple[Line, ...] = ()
    window_at: int = 0


class JournalSource(QObject):
    """Fills `model`; every signal comes on the UI thread."""

    #: Another list is in the model: (is it the same filter, re-read).
    listed = Signal(bool)
    #: That many rows came in on top of the list.
    added = Signal(int)
    #: Rows were loaded or read again.
    loaded = Signal()
    faceted = Signal(object)
    detailed = Signal(object)
    failed = Signal(object)

    def __init__(self, pool: ReaderPool, reader: LazyReader, model: JournalModel, parent: QObject) -> None:
        super().__init__(parent)
        self._pool = pool
        self._reader = reader
        self._model = model
        self._wanted = JournalFilter()
        self._shown: JournalFilter | None = None
        self._top_id: str | None = None
        self._window = (0, _FIRST_LOOK - 1)
        self._list_op: Op | None = None
        self._page_op: Op | None = None
        self._facets_op: Op | None = None
        self._detail_op: Op | None = None
        self._is_stale = False
        #: Rows read from the database for the list so far; a test holds it against what was on screen.
        self.rows_read = 0

    @property
    def is_busy(self) -> bool:
        """Whether a list or rows of it are being read."""
        return self._list_op is not None or self._page_op is not None

    # --- the list -----------------------------------------------------------------------------------------------------

    def show(self, wanted: JournalFilter) -> None:
        """Reads the list of a filter; the present one stays until it is there."""
        self._wanted = wanted
        self._drop_page()
        if self._list_op is not None:
            self._list_op.cancel()
        self._is_stale = False
        limit = self._rows_on_screen()
        reader = self._reader

        def work() -> _List:
            page = reader.get().first_page(wanted, limit=limit)
            return _List(tuple(line_of(row) for row in page.rows), page.total, page.newest_seq)

        self._list_op = self._pool.run(work, done=self._on_list, failed=self._on_failed)

    def refresh(self) -> None:
        """Reads the list again because rows were written or edited; its place on screen stays."""
        if self._list_op is not None:
            self._is_stale = True  # what is under way may have been read before the change
            return
        self._is_stale = False
        self._drop_page()
        reader, wanted, limit, total = self._reader, self._wanted, self._rows_on_screen(), self._model.total
        first = self._window[0]

        def work() -> _List:
            page = reader.get().first_page(wanted, limit=limit)
            same = replace(wanted, up_to_seq=page.newest_seq)
            at = first + max(page.total - total, 0) if first else 0
            rows = reader.get().page(same, offset=at, limit=limit) if at else ()
            lines = tuple(line_of(row) for row in page.rows)
            return _List(lines, page.total, page.newest_seq, tuple(line_of(row) for row in rows), at)

        self._list_op = self._pool.run(work, done=self._on_refreshed, failed=self._on_failed)

    def window(self, first: int, last: int) -> None:
        """Says which rows are on screen; what is not loaded of them is read."""
        self._window = (first, max(first, last))
        self._fill()

    def _rows_on_screen(self) -> int:
        first, last = self._window
        return last - first + 1

    def _fill(self) -> None:
        if self.is_busy or self._shown is None:
            return
        gap = self._model.missing(*self._window)
        if gap is None:
            return
        offset, limit = gap
        reader, shown = self._reader, self._shown

        def work() -> tuple[int, tuple[Line, ...]]:
            rows = reader.get().page(shown, offset=offset, limit=limit)
            return offset, tuple(line_of(row) for row in rows)

        self._page_op = self._pool.run(work, done=self._on_page, failed=self._on_page_failed)

    def _drop_page(self) -> None:
        if self._page_op is not None:
            self._page_op.cancel()
            self._page_op = None

    def _take(self, found: _List) -> None:
        self._list_op = None
        self.rows_read += len(found.lines) + len(found.window)
        self._shown = replace(self._wanted, up_to_seq=found.newest_seq)
        self._top_id = found.lines[0].row.id if found.lines else None

    def _on_list(self, found: _List) -> None:
        self._take(found)
        self._model.reset(found.lines, found.total)
        self.listed.emit(False)
        self._go_on()

    def _on_refreshed(self, found: _List) -> None:
        top, added = self._top_id, found.total - self._model.total
        self._take(found)
        is_on_top = 0 <= added < len(found.lines) and found.lines[added].row.id == top
        if is_on_top:
            self._model.insert_top(found.lines, added)
        else:
            self._model.reset(found.lines, found.total)
        if found.window:
            self._model.put(found.window_at, found.window)
        if is_on_top:
            self.added.emit(added)
        else:
            self.listed.emit(True)
        self._go_on()

    def _on_page(self, found: tuple[int, tuple[Line, ...]]) -> None:
        self._page_op = None
        offset, lines = found
        self.rows_read += len(lines)
        self._model.put(offset, lines)
        self._model.forget_far(*self._window)
        self.loaded.emit()
        if lines:
            self._go_on()

    def _go_on(self) -> None:
        """Something may have happened meanwhile: a write, or the user scrolled on."""
        if self._is_stale:
            self.refresh()
        else:
            self._fill()

    def _on_failed(self, error: Exception) -> None:
        self._list_op = None
        self.failed.emit(error)

    def _on_page_failed(self, error: Exception) -> None:
        self._page_op = None
        self.failed.emit(error)

    # --- facets and detail --------------------------------------------------------------------------------------------

    def ask_facets(self) -> None:
        """Reads the values filters can choose from."""
        if self._facets_op is not None:
            self._facets_op.cancel()
        reader = self._reader
        self._facets_op = self._pool.run(
            lambda: reader.get().facets(), done=self._on_facets, failed=self._on_facets_failed
        )

    def _on_facets(self, facets: JournalFacets) -> None:
        self._facets_op = None
        self.faceted.emit(facets)

    def _on_facets_failed(self, error: Exception) -> None:
        self._facets_op = None
        self.failed.emit(error)

    def ask_detail(self, journal_id: str) -> None:
        """Reads everything about a row."""
        if self._detail_op is not None:
            self._detail_op.cancel()
        reader = self._reader
        self._detail_op = self._pool.run(
            lambda: reader.get().detail(journal_id), done=self._on_detail, failed=self._on_detail_failed
        )

    def _on_detail(self, detail: JournalDetail) -> None:
        self._detail_op = None
        self.detailed.emit(detail)

    def _on_detail_failed(self, error: Exception) -> None:
        self._detail_op = None
        self.failed.emit(error)
