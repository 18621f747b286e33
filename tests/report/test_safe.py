"""No telephone number comes whole into a report, whatever stands around it; the report's own figures and times do."""

from __future__ import annotations

import re
import time
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from console.release.guardrails import duration
from console.report.safe import LONGEST, markdown_text, masked, safe

COUNTRIES = ("593", "58", "57", "1", "34", "52", "5939", "")
BETWEEN = ("", " ", "-", ".", "\u00a0", "–", " - ", "‑", "\u202f", ") ", "_", "%20", "  ", "\u200d", "·")
SCRIPTS = ("0", "０", "٠", "۰", "०")
"""Zero in each script: ASCII, fullwidth, Arabic, Persian, Devanagari."""
BEFORE = (
    "from ",
    "from:",
    "wa.me/",
    "GET /chat/",
    "msg_from_",
    "tel=+",
    "(+",
    "x",
    "['",
    "de ",
    "@",
    "#",
    "",
    "12:00:00 ",
)
AFTER = (": reservar", "", "/messages", "_media", ".", "'", ")", "x", " a las 8", ":443", "@c.us", "\u2026")


def digits_of(text: str) -> str:
    return "".join(str(unicodedata.digit(character)) for character in text if character.isdecimal())


@st.composite
def phones(draw: st.DrawFn) -> tuple[str, str]:
    """(a telephone number as it may be written, its digits)."""
    country = draw(st.sampled_from(COUNTRIES))
    own = draw(st.text("0123456789", min_size=8, max_size=10))
    number = country + own
    pieces, rest = [country] if country else [], own
    while rest:
        size = draw(st.integers(2, 5))
        size = len(rest) if len(rest) - size < 2 else size
        pieces.append(rest[:size])
        rest = rest[size:]
    zero = ord(draw(st.sampled_from(SCRIPTS)))
    written = draw(st.sampled_from(BETWEEN)).join(pieces)
    # percent signs escape ASCII digits of their own
    return written if "%" in written else re.sub(r"\d", lambda d: chr(zero + int(d.group())), written), number


def looks_like_a_day(written: str) -> bool:
    return re.search(r"(?:19|20)\d\d\D?(?:0[1-9]|1[0-2])\D?(?:0[1-9]|[12]\d|3[01])", written) is not None


@given(
    phone=phones(),
    before=st.one_of(st.sampled_from(BEFORE), st.text(max_size=8)),
    after=st.one_of(st.sampled_from(AFTER), st.text(max_size=8)),
)
def test_a_telephone_number_in_any_surrounding_never_survives(phone: tuple[str, str], before: str, after: str) -> None:
    written, number = phone
    assume(not looks_like_a_day(written))
    told = masked(before + written + after)
    around = len(digits_of(before)) + len(digits_of(after)) + written.count("%20") * 2
    assert len(digits_of(told)) <= around + 5, "more is left than its first three and last two digits"
    assert told.count("•") >= len(number) - 5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("from 5939999999: reservar", "from 593•••••99: reservar"),
        ("from:593987654321", "from:593•••••••21"),
        ("https://wa.me/593987654321", "https://wa.me/593•••••••21"),
        ("GET /chat/593987654321", "GET /chat/593•••••••21"),
        ("msg_from_593987654321", "msg_from_593•••••••21"),
        ("+593\u00a098\u00a0765\u00a04321", "+593\u00a0••\u00a0•••\u00a0••21"),
        ("593–98–765–4321", "593–••–•••–••21"),
        ("593.98.765.4321", "593.••.•••.••21"),
        ("+593 98 765 4321: hola", "+593 •• ••• ••21: hola"),
        ("0412/5551234", "041•/•••••34"),
        ("٥٩٣٩٨٧٦٥٤٣٢١", "٥٩٣•••••••٢١"),
        ("wa-593987654321-00042-vez", "wa-593•••••••21-00042-vez"),
        ("2026-11-25T10:00:00Z 593987654321", "2026-11-25T10:00:00Z 593•••••••21"),
    ],
)
def test_what_the_audit_found_whole_is_masked(text: str, told: str) -> None:
    assert masked(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "1,250 requests, 12,345,678 in a day, 3.1 % errors, P95 612 ms",
        "0 2026-11-25 10:00:00 12 requests",
        "2026-11-25T10:00:00.123456Z",
        "2026-11-25-1103-00142-gex",
        "checklist opened: 2026-11-25-100745",
        "wa-backend-00142-gex 10 % → 50 %",
        "projects/wa-prod/traces/105445aa7843bc8bf206b12000100000",
        "sha256:" + "0123456789abcdef" * 4,
        "commit 0a1b2c3d4e5f6071829304a5b6c7d8e9f0123456",
        "0a1b23456789",
        "@1a2345678901",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa01234567-01",
        "https://github.com/acme/wa/actions/runs/19876543210/job/55555555555",
        "https://github.com/acme/wa/pull/142 #142",
        "20261125103000_add_column.sql 20261125_add.sql",
        "26/26 34/34 91 %",
        "http://127.0.0.1:43210/healthz",
        "5 min 3 s, 24 h, 10/50/100",
    ],
)
def test_what_is_no_telephone_number_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


@given(
    at=st.datetimes(datetime(2020, 1, 1), datetime(2039, 12, 31), timezones=st.just(UTC)),
    took=st.timedeltas(timedelta(0), timedelta(days=30)),
    count=st.integers(0, 999_999_999),
    percent=st.floats(0, 100),
    ms=st.integers(0, 99_999),
)
def test_the_reports_own_figures_and_times_stay(
    at: datetime, took: timedelta, count: int, percent: float, ms: int
) -> None:
    text = f"{at:%Y-%m-%d %H:%M:%S} · {duration(took)}: {percent:.2f} % of {count:,} requests, P95 {ms:,} ms"
    assert masked(text) == text
    assert masked(f"{at:%Y-%m-%d-%H%M}-00042-vez") == f"{at:%Y-%m-%d-%H%M}-00042-vez"
    assert masked(at.isoformat()) == at.isoformat()


@given(st.integers(0, LONGEST + 20))
def test_a_number_that_the_end_cuts_is_masked_before(room: int) -> None:
    told = safe("x" * room + " 593987654321 " + "y" * 30)
    assert "5939" not in told


@given(st.text())
def test_masking_twice_is_masking_once(text: str) -> None:
    assert masked(masked(text)) == masked(text)


def test_a_number_is_masked_before_markdown_escapes_stand_between_its_digits() -> None:
    assert "•" in markdown_text("593_98_765_4321")


@pytest.mark.parametrize("piece", ["1", "1 ", "1 (((", "12345678", "a-", "2026-11-25 ", "1,234,", "0123456789abcdef"])
def test_a_line_of_a_megabyte_is_no_burden(piece: str) -> None:
    line = piece * (1_000_000 // len(piece))
    began = time.process_time()
    masked(line)
    assert time.process_time() - began < 8  # a quadratic pattern takes minutes
