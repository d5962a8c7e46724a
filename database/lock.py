"""One desk per database: a lock file that the operating system frees when its holder dies, however it dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from database.errors import DiskFailure, read_only

if sys.platform == "win32":
    import msvcrt

    #: Windows locks bytes, and a locked byte cannot be read: lock one far behind the text.
    _LOCKED_BYTE = 1 << 30

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class InstanceLock:
    """Holds `<database>.lock` for life. The file itself stays; only the lock on it means something."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + ".lock")
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this instance is the writer."""
        return self._descriptor is not None

    def acquire(self) -> bool:
        """Returns True when this instance is now the only writer, False when another one is; never waits.

        Raises DatabaseReadOnly or DiskFailure when the lock file cannot be opened.
        """
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except PermissionError as error:
            raise read_only(self.path.parent, "opening the database") from error
        except OSError as error:
            raise DiskFailure(
                f"The lock file {self.path} could not be opened ({error.strerror}).",
                cure="Give your user write permission on the folder, or choose another path for the database.",
            ) from error
        if not _try_lock(descriptor):
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Lets the next instance write."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
