"""Files of log entries: the JSON array that `gcloud logging read --format=json` prints, or NDJSON.

gcloud's array has two spaces before each entry's braces, so a large one is parsed in pieces; any other
array is parsed whole. An entry that cannot be read is counted and left out, a file of which nothing can be read, or
an array that is cut off, is an error: gcloud prints the newest entry first, so what is missing is the bake's start.
"""

from __future__ import annotations

import gc
import json
import mmap
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from console.cloud.logs import LogEntry
from console.errors import UsageError
from console.replay.entries import WRONG, EntryParser
from console.words import _, ngettext

BLOCK = 1 << 17
"""Bytes of an array parsed at once, about: what stays in a processor's cache is parsed twice as fast."""
LONGEST_LINE = 16 << 20
"""Bytes of a line that are read; Cloud Logging keeps no entry over 256 KiB."""
_SEAM = b"\n  },\n  {"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = b"\xef\xbb\xbf"
_UNPARSED = (ValueError, RecursionError)
Data = bytes | mmap.mmap


class LogFiles:
    """Reads files one after another.

    `entries` holds what was read, in the files' order; `problems` one sentence for each file with entries that could
    not be.
    """

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []
        self.problems: list[str] = []
        self._parser = EntryParser()
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
                found = self._lines(data, name)
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
            for block in _blocks(data):
                documents = _parse(block)
                self._take(documents, data, count)
                count += len(documents)
            return count - self._bad
        except _UNPARSED:
            # the seams were not what they looked like, or the file is broken: parse it whole, and know where
            del self.entries[mark:]
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

    def _take(self, documents: list[Any], data: Data, before: int) -> None:
        """Parse a block of an array whose first entry has `before` others before it."""
        parse, append = self._parser.entry, self.entries.append
        for index, document in enumerate(documents):
            try:
                entry = parse(document)
            except WRONG:
                self._refuse(document, partial(_line_of, data, before + index))
                continue
            if entry is not None:
                append(entry)

    def _lines(self, data: Data, name: str) -> int:
        parse, append = self._parser.entry, self.entries.append
        found = 0
        for number, line in enumerate(_split(data), 1):
            try:
                if len(line) > LONGEST_LINE:
                    raise ValueError(_("it is longer than 16 MB"))
                document = orjson.loads(line)
            except ValueError as error:
                if line.isspace() or not line:
                    continue
                self._bad += 1
                what = str(error) if len(line) > LONGEST_LINE else _("it is no JSON")
                self._first = self._first or _at(number, what)
                continue
            try:
                entry = parse(document)
            except WRONG:
                self._refuse(document, partial(int, number))
                continue
            found += 1
            if entry is not None:
                append(entry)
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
        data: Data = sys.stdin.buffer.read() if path == "-" else _mapped(Path(path))
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


def _mapped(path: Path) -> Data:
    """A file's bytes without copying them; read where it is no plain file (a pipe) or empty."""
    with path.open("rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            return file.read()


def _blocks(data: Data) -> Iterator[bytes]:
    """An array in pieces that are arrays, cut where gcloud ends an entry. Raw line breaks cannot be in a string."""
    start = 0
    while True:
        cut = data.find(_SEAM, start + BLOCK)
        opening = b"[" if start else b""
        if cut < 0:
            yield opening + data[start:]
            return
        yield opening + data[start:cut] + b"}]"
        start = cut + len(_SEAM) - len(b"  {")


def _parse(block: bytes) -> list[Any]:
    try:
        found = orjson.loads(block)
    except ValueError:
        # a lone surrogate in a message, which the standard library takes; what is wrong for both is said by it
        found = json.loads(block.decode(errors="replace"))
    if not isinstance(found, list):
        raise TypeError
    return found


def _split(data: Data) -> Iterator[bytes]:
    """Lines, without making them all at once."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start + BLOCK)
        if end < 0:
            end = len(data)
        yield from data[start:end].split(b"\n")
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
