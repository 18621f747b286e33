"""Taking a program's streams apart: the same lines however they arrive, and never more than is allowed."""

from __future__ import annotations

import asyncio
import io
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.clock import SystemClock
from console.runbook import process
from console.runbook.evidence import EXCERPT_LINES
from console.text import clean


def taken(chunks: list[bytes]) -> tuple[list[str], str]:
    """(lines kept, file's text) of standard output that arrives in these chunks."""

    async def read() -> tuple[list[str], str]:
        file = io.StringIO()
        reader = process._Reader(file, lambda _lines: None)
        for chunk in chunks:
            reader.pipe_data_received(1, chunk)
        reader.pipe_connection_lost(1, None)
        reader.pipe_connection_lost(2, None)
        await asyncio.wait_for(reader.drained, 20)
        return list(reader.tail), file.getvalue()

    return asyncio.run(read())


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=8))
def test_lines_are_the_same_however_they_are_cut(whole: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    parts = [whole[start:end] for start, end in pairwise(places)]
    lines, text = taken(parts)
    assert (lines, text) == taken([whole])
    assert all(line == clean(line) for line in lines)
    assert len(lines) <= EXCERPT_LINES


def test_a_line_without_an_end_is_cut_into_several() -> None:
    lines, _text = taken([b"x" * process.LONGEST_LINE * 3])
    assert [len(line) for line in lines] == [process.LONGEST_LINE] * 3


def test_progress_bars_are_lines_of_their_own() -> None:
    assert taken([b"10 %\r20 %\r\n", b"done"])[0] == ["10 %", "20 %", "done"]


def test_a_private_key_that_is_printed_is_neither_told_nor_written() -> None:
    key = b"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nc2hvcnQ=\n-----END PRIVATE KEY-----\n"
    lines, text = taken([b"before\n" + key + b"after\n"])
    assert (lines[0], lines[-1]) == ("before", "after")
    assert not [part for part in ("MIIEvQ", "c2hvcnQ") if part in text + str(lines)]


async def ran(tmp_path: Path, code: str) -> process.Ran:
    return await process.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        environment={"PATH": "/usr/bin:/bin"},
        output=tmp_path / "out.log",
        clock=SystemClock(),
        timeout_s=60,
    )


async def test_output_over_the_limit_is_left_out_of_the_file_and_of_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "LARGEST_OUTPUT", 1_000)
    monkeypatch.setattr(process, "LARGEST_CAPTURE", 500)
    done = await ran(tmp_path, "for n in range(1000): print('line', n)")
    assert done.cut
    assert len(done.stdout) == 500
    assert done.tail[-1] == "line 999"
    kept = (tmp_path / "out.log").read_text()
    assert len(kept) < 1_200
    assert "left out" in kept.splitlines()[-1]


async def test_a_program_that_a_signal_ends_says_which(tmp_path: Path) -> None:
    done = await ran(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert done.code == -9
    assert not done.timed_out
