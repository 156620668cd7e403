"""One pathname as one perpetual stream of bytes, whatever happens to the files behind it.

A log is rotated, truncated, replaced, deleted and written again while a run
continues. `Tail` hides that: `poll` returns the next bytes, each once and in
order, and a mark where the stream breaks, so that a reader can end the line it
holds. It neither sleeps nor watches; the caller decides when to look.

Four ideas carry it. An open file keeps its inode, so a number cannot be
reused while we read. The bytes just before the offset are read again with the
bytes after it: if they changed, the file was rewritten under us. A file that
was cut may have been copied before: its copy is looked for among the rotated
files and read to its end first. And a file that left its path is read on until
the new one has text, and after that for `rotate_wait` seconds, because its
writers may not have noticed yet.
"""

from __future__ import annotations

import os
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from runwatch.watcher.sources.open_file import HEAD, Mark, OpenFile, Position, require_regular, written_anew
from runwatch.watcher.sources.rotated import AnyFile, between, continuation, renamed, was_packed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

__all__ = ["HEAD", "Mark", "Piece", "Position", "Tail"]

DELETED_WAIT = 600.0
"""Seconds a deleted file may stay silent before it is let go, and its disk space with it."""


@dataclass(frozen=True)
class Piece:
    """The next bytes of the stream, never empty, and what happened just before them."""

    data: bytes
    mark: Mark | None = None
    lost: int = 0
    """Bytes just before them that are known to be in no file any more."""


BLOCK = 3 << 18
"""Bytes read at once; twice as many are parsed a little faster, and take 10 MB more while history is read."""


class Tail:
    """Follows the regular file at `path`, which need not exist yet.

    `block` is the most bytes one poll returns, `rotate_wait` the seconds a file
    is read on after its successor has text, `clock` gives seconds and never
    goes back, and `start` is the byte to begin at if the file is there at the
    first poll. Nothing is opened before that poll.
    """

    def __init__(
        self,
        path: str,
        *,
        block: int = BLOCK,
        rotate_wait: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        start: int = 0,
    ) -> None:
        self.path = path
        self.problem: str | None = "not looked for yet"
        """Why the path cannot be read at the moment, in the system's words; None if it can."""
        self._block = block
        self._rotate_wait = rotate_wait
        self._clock = clock
        self._start = start
        self._anchor: Position | None = None  # where to continue in the next file opened, if it is that file
        self._queue: deque[AnyFile] = deque()  # being read, and those found at the path since
        self._late: list[
            tuple[AnyFile, float]
        ] = []  # left behind but perhaps still written to, and until when
        self._known: deque[tuple[int, ...]] = deque(maxlen=64)  # files that were rotated, newest last
        self._mark: Mark | None = None  # owed to the next piece
        self._broken: Position | None = None  # where the line ends that such a mark cuts
        self._lost = 0  # bytes of which the next piece is to report
        self._end = 0  # where the text ended, as far as it was read, in a file that was cut
        self._line_open = False  # the last byte given was not a newline
        self._rested: tuple[int, int, int, int] | None = None  # what the file was when it was closed
        self._active = clock()

    @classmethod
    def resume(cls, path: str, position: Position | None, **options: Any) -> Tail:
        """Continue from `position`; from the beginning, with the right mark, if that file is no longer there.

        A file renamed within its directory in the meantime is read to its end first.
        """
        tail = cls(path, **options)
        tail._anchor = position
        return tail

    def poll(self) -> Piece | None:
        """Return what is new, at most one block, or None if nothing is new now.

        Raises SourceError if the path is not a regular file. A file that is
        missing or may not be read is no error: see `problem`.
        """
        self._look()
        return self._read_late() or self._read()

    def position(self, held: int = 0) -> Position | None:
        """Return the place after the last piece; None before anything was opened.

        `held` bytes of it are to be read again (an unfinished line), those that are in this file.
        It stays before a break until text behind the break was given: a successor must see the break, too.
        """
        if self._broken is not None:
            return self._broken
        return self._queue[0].position(held) if self._queue else self._anchor

    def elsewhere(self, held: int) -> int:
        """Return how many of the last `held` bytes are in a file older than the one that is read."""
        if self._broken is not None:
            return held
        return max(0, held - self._queue[0].offset + self._queue[0].begin) if self._queue else 0

    @property
    def offset(self) -> int:
        """Bytes of the current file that are behind us."""
        return self._queue[0].offset if self._queue else 0

    @property
    def size(self) -> int:
        """Bytes the current file had at the last poll."""
        return self._queue[0].size if self._queue else 0

    @property
    def backlog(self) -> int:
        """Bytes known to be unread at the last poll."""
        return sum(max(0, file.size - file.offset) for file in self._queue)

    def last_block(self, count: int) -> tuple[int, bytes]:
        """Return (offset, bytes) of at most the last `count` bytes, from the start of a line if there is one.

        The position does not move. (0, b"") if there is nothing to read.
        """
        if not self._queue:
            self._look(awake=True)
        with suppress(OSError, IndexError):
            return self._queue[-1].last_block(count)
        return 0, b""

    def around(self, head: int, recent: int) -> tuple[bytes, bytes] | None:
        """Return the first bytes of the file being read, and the last ones before its next.

        At most so many of each; None while there is no file.
        """
        if not self._queue:
            self._look(awake=True)
        with suppress(OSError, IndexError):
            return self._queue[0].around(head, recent)
        return None

    @property
    def files(self) -> int:
        """Files that are open."""
        return len(self._queue) + len(self._late)

    def rest(self, held: int = 0) -> bool:
        """Close the file until it changes, then continue `held` bytes before the place.

        Return False, and close nothing, while it is being rotated or has left its path: it
        could not be found again.
        """
        if len(self._queue) > 1 or self._late or self.problem or self._broken:
            return False
        if any(file.gone() or file.copied for file in self._queue):
            return False
        for file in self._queue:
            self._anchor = file.position(held)
            self._line_open &= not held
            size = file.size if file.size == file.offset else -1  # what is unread is a change, too
            self._rested = (*file.identity, size, file.changed)
            file.close()
        self._queue.clear()
        return True

    def changed(self) -> bool:
        """Return whether there may be something new: not if the file is closed and is what it was."""
        try:
            return self._rested is None or self._rested != _state(os.stat(self.path))
        except OSError:
            return True

    def close(self) -> None:
        """Close every file; a later poll would begin again where this one stopped."""
        self._anchor = self.position()
        for file in [*self._queue, *(file for file, _ in self._late)]:
            file.close()
        self._queue.clear()
        self._late.clear()

    def _look(self, *, awake: bool = False) -> None:
        """See what is at the path; a file that rests is opened if it changed, or to be `awake`."""
        try:
            now = os.stat(self.path)
            require_regular(self.path, now)
            if self._rested == _state(now) and not awake:
                return
            self._rested = None
            if not self._queue or self._queue[-1].identity != (now.st_dev, now.st_ino):
                self._take(OpenFile.open(self.path))
            self.problem = None
        except OSError as error:
            if self.problem is None:
                self._follow_renamed()
            self.problem = error.strerror
            self._start = 0
            self._let_go_of_deleted()
        for file in self._queue:
            file.measure()
        if self._queue and not self._queue[-1].offset:
            self._find_copies(self._queue[-1])

    def _take(self, file: OpenFile) -> None:
        if not self._queue:
            self._begin(file)
            return
        old = self._queue[-1]
        if len(self._queue) == 1 and isinstance(old, OpenFile) and old.gone() and file.is_copy_of(old):
            # A copier (rsync, an editor) put a longer copy in place: the same stream continues.
            file.seek(old.offset)
            self._queue.pop().close()
            self._queue.append(file)
            return
        intact = old.intact()
        if not old.offset:
            self._find_copies(old)
        elif not intact:  # cut, and then rotated
            self._begin_again(old)
        chain = between(self.path, old.position(), file, {*self._known, old.identity})
        self._queue += [each for each in chain if not was_packed(each, old)]
        self._queue.append(file)
        self._note(self._queue)

    def _begin(self, file: OpenFile) -> None:
        anchor, self._anchor = self._anchor, None
        self._queue.append(file)
        if anchor is None:
            file.seek(self._start)
        elif file.matches(anchor):
            file.seek(anchor.offset)
            if not anchor.offset:  # nothing was read of it: it may have been copied and cut since
                self._put_before(file, self._between(anchor, file, certain=True))
        elif anchor.offset and (chain := continuation(self.path, anchor, file)):
            self._put_before(file, chain)
        else:
            chain = self._between(anchor, file)
            self._put_before(file, chain)
            place = (anchor.device, anchor.inode)
            same = next((each for each in (*chain, file) if each.identity == place), None)
            if same is None:
                self._break(Mark.REPLACED, anchor)
            elif anchor.offset:
                self._break(written_anew(same.size, anchor), anchor)

    def _follow_renamed(self) -> None:
        """Open the file again that was closed at rest and has left its path since."""
        if self._rested is None or self._anchor is None:
            return
        found = renamed(self.path, self._anchor)
        if found is not None:
            self._queue.append(found)
            self._rested = self._anchor = None

    def _begin_again(self, file: AnyFile, mark: Mark = Mark.TRUNCATED) -> None:
        """Go to the beginning of a file that was cut or rewritten; its copy, if there is one, comes first."""
        old, unread = file.position(), file.unread
        file.seek(0)
        self._end = old.offset + unread
        if not isinstance(file, OpenFile):
            return
        if not (chain := continuation(self.path, old, file, self._known)):
            self._break(mark, old)
            self._lost += unread
            chain = self._between(old, file, self._known, certain=True)
        self._put_before(file, chain)

    def _find_copies(self, file: AnyFile) -> bool:
        """Look for copies of what a file held of which nothing was read; return whether there are any."""
        since = file.written_since()
        if since is None or not isinstance(file, OpenFile):
            return False
        old = msgspec.structs.replace(file.position(), offset=0, changed=since)
        chain = self._between(old, file, self._known, certain=True)
        self._put_before(file, chain)
        return self._queue[0] is not file

    def _between(
        self, old: Position, file: OpenFile, known: Collection[tuple[int, ...]] = (), *, certain: bool = False
    ) -> list[AnyFile]:
        """Return the files after `old` and before `file`, without what compressing `file` itself gave."""
        chain = between(self.path, old, file, known, certain=certain)
        return [each for each in chain if not was_packed(each, file)]

    def _put_before(self, file: AnyFile, chain: list[AnyFile]) -> None:
        """Read a chain of files before one that is in the queue."""
        at = self._queue.index(file)
        for each in reversed(chain):
            self._queue.insert(at, each)
        self._end = max([self._end, *(each.size for each in chain if each.copied)])
        self._note(chain)

    def _note(self, files: Iterable[AnyFile]) -> None:
        """Remember what is read; a copy may be overwritten by the next one."""
        self._known += [(*file.identity, file.changed) if file.copied else file.identity for file in files]

    def _let_go_of_deleted(self) -> None:
        if len(self._queue) == 1 and self._clock() - self._active > DELETED_WAIT and self._queue[0].gone():
            self._drop()

    def _drop(self) -> None:
        """Close the current file; if it comes back, continue where it was left."""
        if len(self._queue) == 1:
            self._anchor = self._queue[0].position()
        else:
            self._break(Mark.REPLACED, self._queue[0].position())
        self._queue.popleft().close()

    def _read(self) -> Piece | None:
        while self._queue:
            file = self._queue[0]
            first = not file.offset
            try:
                mark, data = file.read(self._block)
            except OSError as error:  # ESTALE, EIO: open it again at the next poll
                self.problem = error.strerror
                self._drop()
                return None
            if mark and file.copied and len(self._queue) > 1:  # the next copy was put in its place
                self._mark, self._lost = self._mark or Mark.COPIED, self._lost + file.unread
                self._queue.popleft().close()
                continue
            if mark:
                self._begin_again(file, mark)
                continue
            if data and first:
                if self._find_copies(file):
                    file.seek(0)
                    continue
                if file.begin and self._end:  # the hole shows how much was written before
                    self._lost += max(0, file.begin - self._end)
                self._end = 0
            if data:
                self._active = self._clock()
                return self._give(data)
            if not self._advance():
                return None
        return None

    def _advance(self) -> bool:
        """Turn to the next file that has text; False if there is none.

        A writer that has begun the new file is done with the old one, which was
        just found at its end: so nothing is given out of order. Other writers
        may not be done yet; theirs is what `_read_late` is for.
        """
        newer = next((index for index, file in enumerate(self._queue) if index and file.size), 0)
        if newer:
            old = self._queue[0]
            if old.copied:
                self._mark = self._mark or Mark.COPIED
            else:
                self._break(Mark.REPLACED if old.gone() else Mark.ROTATED, old.position())
        until = self._clock() + self._rotate_wait
        for _ in range(newer):
            file = self._queue.popleft()
            if file.copied:
                file.close()
            else:
                self._late.append((file, until))
        return newer > 0

    def _break(self, mark: Mark, at: Position) -> None:
        """Owe the next piece a mark that ends the line read up to `at`."""
        self._mark, self._broken = mark, self._broken or at

    def _give(self, data: bytes) -> Piece:
        piece = Piece(data, self._mark, self._lost)
        self._mark, self._broken, self._lost = None, None, 0
        self._line_open = not data.endswith(b"\n")
        return piece

    def _read_late(self) -> Piece | None:
        """Return lines that a slow writer still put into a file that left the path.

        They are fitted in between whole lines, so no mark is needed; only at
        the end of the wait may a line have to be cut.
        """
        for entry in tuple(self._late):
            file, until = entry
            expired = self._clock() >= until
            if self._line_open and not expired:
                return None  # nor is the time up of those that were left behind later
            try:
                mark, data = file.read(self._block, whole_lines=not expired)
            except OSError:
                mark, data = Mark.TRUNCATED, b""
            if data:
                return self._splice(data)
            if mark or expired:  # cut after its time, it has nothing left that is owed
                file.close()
                self._late.remove(entry)
        return None

    def _splice(self, data: bytes) -> Piece:
        owed, broken = self._mark, self._broken
        self._mark = Mark.LATE if self._line_open else None
        piece = self._give(data)
        self._mark, self._broken = owed or (Mark.LATE if self._line_open else None), broken
        return piece


def _state(now: os.stat_result) -> tuple[int, int, int, int]:
    return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns
