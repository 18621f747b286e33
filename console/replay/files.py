"""Files of log entries: the JSON array that `gcloud logging read --format=json` prints, or NDJSON.

gcloud's array has two spaces before each entry's braces, so a large one is parsed in pieces; any other
array is parsed whole. An entry that cannot be read is counted and left out, a file of which nothing can be read, or
an array that is cut off, is an error: gcloud prints the newest entry first, so what is missing is the bake's start.

Nothing of a file stays in memory but its packed entries (`console.replay.packed`): it is mapped, read a block at a
time, and let go of; standard input that is a pipe goes through a temporary file. A block that is not just as Cloud
Logging writes it is read again entry by entry.
"""

from __future__ import annotations

import gc
import json
import mmap
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import msgspec

from console.errors import UsageError
from console.replay.entries import WRONG, Document, EntryParser, Packer
from console.replay.packed import PackedLog
from console.words import _, ngettext

BLOCK = 1 << 17
"""Bytes of an array parsed at once, about: what stays in a processor's cache is parsed twice as fast."""
LONGEST_LINE = 16 << 20
"""Bytes of a line that are read; Cloud Logging keeps no entry over 256 KiB."""
_SEAM = b"\n  },\n  {"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = b"\xef\xbb\xbf"
_UNPARSED = (ValueError, RecursionError)
FAST_WRONG = (*WRONG, RecursionError)
LET_GO = 1 << 23
"""Bytes of a mapped file that are let go of at once."""
_ARRAY = msgspec.json.Decoder(list[Document])
_LINES = msgspec.json.Decoder(Document)
Data = bytes | mmap.mmap


class LogFiles:
    """Reads files one after another.

    `entries` holds what was read, in the files' order; `problems` one sentence for each file with entries that could
    not be.
    """

    def __init__(self) -> None:
        self.entries = PackedLog()
        self.problems: list[str] = []
        self._parser = EntryParser()
        self._packer = Packer(self._parser, self.entries)
        self._bad = 0
        self._first = ""

    def read(self, path: str) -> None:
        """Read one file; `-` is standard input.

        Raises:
            UsageError: it cannot be opened, is neither form, is cut off, or has no readable entry; names file and line.
        """
        name = _("standard input") if path == "-" else path
        self._bad, self._first = 0, ""
        data = _load(path, name)
        with _collector_resting():
            if _starts_array(data):
                found = self._array(data, name)
            else:
                found = self._lines(data)
        if self._bad and not found:
            raise UsageError(
                _("No entry of {file} can be read: {problem}.").format(file=name, problem=self._first), remedy=_remedy()
            )
        if self._bad:
            self.problems.append(
                ngettext(
                    "{count:,} entry of {file} cannot be read and is left out: {problem}.",
                    "{count:,} entries of {file} cannot be read and are left out; the first: {problem}.",
                    self._bad,
                ).format(count=self._bad, file=name, problem=self._first)
            )

    def _array(self, data: Data, name: str) -> int:
        mark, count = len(self.entries), 0
        try:
            for block, done in _blocks(data):
                count += self._block(block, data, count)
                _let_go(data, done)
            return count - self._bad
        except _UNPARSED:
            # the seams were not what they looked like, or the file is broken: parse it whole, and know where
            self.entries.truncate(mark)
            self._bad, self._first = 0, ""
        try:
            whole = _parse(data[:])
        except _UNPARSED as error:
            line = getattr(error, "lineno", 1)
            raise UsageError(
                _("{file}, line {line}: this is no JSON, or is cut off ({what}).").format(
                    file=name, line=line, what=getattr(error, "msg", type(error).__name__)
                ),
                remedy=_remedy(),
            ) from error
        self._take(whole, data, 0)
        return len(whole) - self._bad

    def _block(self, block: bytes, data: Data, before: int) -> int:
        """Take in a piece of an array that has `before` entries before it; how many it has."""
        try:
            documents = _ARRAY.decode(block)
            self.entries.extend(self._packer.rows(documents))
        except FAST_WRONG:
            odd = _parse(block)
            self._take(odd, data, before)
            return len(odd)
        return len(documents)

    def _take(self, documents: list[Any], data: Data, before: int) -> None:
        """Read entries of an array one by one; the first has `before` others before it."""
        for index, document in enumerate(documents):
            try:
                entry = self._parser.entry(document)
            except WRONG:
                self._refuse(document, partial(_line_of, data, before + index))
                continue
            if entry is not None:
                self.entries.extend([self.entries.row(entry)])

    def _lines(self, data: Data) -> int:
        found = number = 0
        for block, done in _split(data):
            lines = block.count(b"\n") + 1
            taken = self._plain_lines(block, lines)
            found += self._odd_lines(block, number) if taken is None else taken
            number += lines
            _let_go(data, done)
        return found

    def _plain_lines(self, block: bytes, lines: int) -> int | None:
        """Take in a block of NDJSON in which all is as it should be; None where something is not."""
        if len(block) > LONGEST_LINE:
            return None
        try:
            documents = _LINES.decode_lines(block)
            if len(documents) != lines:
                return None
            self.entries.extend(self._packer.rows(documents))
        except FAST_WRONG:
            return None
        return lines

    def _odd_lines(self, block: bytes, before: int) -> int:
        """Read a block of NDJSON, with `before` lines before it, line by line; how many entries it has."""
        found = 0
        for number, line in enumerate(block.split(b"\n"), before + 1):
            try:
                if len(line) > LONGEST_LINE:
                    raise ValueError(_("it is longer than 16 MB"))
                document = msgspec.json.decode(line)
            except _UNPARSED as error:
                if line.isspace() or not line:
                    continue
                self._bad += 1
                what = str(error) if len(line) > LONGEST_LINE else _("it is no JSON")
                self._first = self._first or _at(number, what)
                continue
            try:
                entry = self._parser.entry(document)
            except WRONG:
                self._refuse(document, partial(int, number))
                continue
            found += 1
            if entry is not None:
                self.entries.extend([self.entries.row(entry)])
        return found

    def _refuse(self, document: Any, line: Callable[[], int]) -> None:
        self._bad += 1
        if not self._first:
            self._first = _at(line(), self._parser.explain(document))


def _at(line: int, what: str) -> str:
    return _("line {line}: {what}").format(line=line, what=what)


def _remedy() -> str:
    return _("Write it with: gcloud logging read FILTER --format=json > FILE")


def _load(path: str, name: str) -> Data:
    try:
        data = _mapped(sys.stdin.buffer) if path == "-" else _opened(Path(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(_("{file} cannot be read: {reason}.").format(file=name, reason=reason)) from error
    if data[:2] in _UTF16:  # a PowerShell's >
        try:
            data = data[:].decode("utf-16").encode()
        except UnicodeError as error:
            raise UsageError(
                _("{file}, line {line}: this is no JSON, or is cut off ({what}).").format(
                    file=name, line=1, what="UTF-16"
                ),
                remedy=_remedy(),
            ) from error
    return data[len(_BOM) :] if data[: len(_BOM)] == _BOM else data


def _opened(path: Path) -> Data:
    with path.open("rb") as file:
        return _mapped(file)


def _mapped(file: IO[bytes]) -> Data:
    """A file's bytes without copying them into memory; what comes through a pipe is put into a file first."""
    try:
        if not file.seekable() or file.tell() == 0:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        pass  # no plain file, or empty
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy, 1 << 20)
        copy.flush()
        return mmap.mmap(copy.fileno(), 0, access=mmap.ACCESS_READ) if copy.tell() else b""


def _let_go(data: Data, done: int) -> None:
    """Let the system drop a mapped file's first `done` bytes from memory; they are read again where they are wanted."""
    if isinstance(data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        end = done - done % LET_GO
        if end and done - end < 2 * BLOCK:
            data.madvise(mmap.MADV_DONTNEED, max(0, end - LET_GO), LET_GO)


def _blocks(data: Data) -> Iterator[tuple[bytes, int]]:
    """An array in pieces that are arrays, each with its end.

    Cut where gcloud ends an entry: raw line breaks cannot be in a string.
    """
    start = 0
    while True:
        cut = data.find(_SEAM, start + BLOCK)
        opening = b"[" if start else b""
        if cut < 0:
            yield opening + data[start:], len(data)
            return
        yield opening + data[start:cut] + b"}]", cut
        start = cut + len(_SEAM) - len(b"  {")


def _parse(block: bytes) -> list[Any]:
    try:
        found = msgspec.json.decode(block)
    except _UNPARSED:
        # a lone surrogate in a message, which the standard library takes; what is wrong for both is said by it
        found = json.loads(block.decode(errors="replace"))
    if not isinstance(found, list):
        raise TypeError
    return found


def _split(data: Data) -> Iterator[tuple[bytes, int]]:
    """Whole lines, a block at a time, each with its end and without its last line break."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start + BLOCK)
        if end < 0:
            end = len(data)
        yield data[start:end].removesuffix(b"\n"), end
        start = end + 1


def _line_of(data: Data, wanted: int) -> int:
    """Line on which entry number `wanted` (from 0) of an array starts."""
    text = data[:].decode(errors="replace")
    decoder = json.JSONDecoder()
    at = text.index("[") + 1
    for index in range(wanted + 1):
        while text[at].isspace() or text[at] == ",":
            at += 1
        if index < wanted:
            _value, at = decoder.raw_decode(text, at)
    return text.count("\n", 0, at) + 1


@contextmanager
def _collector_resting() -> Iterator[None]:
    """No garbage collection: hundreds of thousands of small objects are made and none of them is garbage."""
    resting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if resting:
            gc.enable()


def _starts_array(data: Data) -> bool:
    """Whether the first byte that is no space opens an array."""
    return data[:4096].lstrip()[:1] == b"["
