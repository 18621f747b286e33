"""Figures as an operator reads them: shares, latencies, times, counts, odds. Never translated."""

from __future__ import annotations


def percent(share: float) -> str:
    """`share` (0 to 1) as shown: `3.1 %`, with two decimals under 2 % so that a limit of 1 % can be told apart."""
    value = share * 100
    if value >= 2:
        return f"{value:.1f} %".replace(".0 %", " %")
    # rounded up past a limit rather than onto it: 1.001 % must not read as 1 %
    digits = 2 if round(value, 2) != 1 or value == 1 else 4
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") + " %"


def milliseconds(value: float) -> str:
    """A latency as shown: `640 ms`, `1 s`, `1.25 s`."""
    if round(value) < 1000:
        return f"{value:.0f} ms"
    return f"{value / 1000:.2f}".rstrip("0").rstrip(".") + " s"


def minutes(seconds: int) -> str:
    """Seconds as shown: `3:12`."""
    return f"{seconds // 60}:{seconds % 60:02}"


def count(number: int) -> str:
    """A count as shown: `5,508`."""
    return f"{number:,}"


def odds(evidence: float) -> str:
    """Evidence as odds are said: `0.3`, `12`, `512`, `10,000+`."""
    if evidence >= 10_000:
        return "10,000+"
    return f"{evidence:,.0f}" if evidence >= 10 else f"{evidence:.1f}"
