"""Public holidays of the countries that settings name, from the `holidays` library, loaded when first asked.

The pure core gets a `HolidayCalendar` as a function from date to name and knows no country.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date


class HolidayCalendar:
    """Names of holidays by date.

    Args:
        countries: ISO codes, each with a subdivision where wanted, e.g. `EC`, `US-CA`; checked before.
    """

    def __init__(self, countries: Iterable[str]) -> None:
        self.countries = tuple(countries)
        self._calendars: tuple[Mapping[date, str], ...] | None = None

    def __call__(self, day: date) -> str | None:
        """Name of the holiday on `day`, with its country; None on a working day."""
        if self._calendars is None:
            import holidays

            self._calendars = tuple(
                holidays.country_holidays(country, subdiv=subdivision or None)
                for country, _dash, subdivision in (code.partition("-") for code in self.countries)
            )
        for code, calendar in zip(self.countries, self._calendars, strict=True):
            name = calendar.get(day)
            if name:
                return f"{name}, {code}"
        return None


def unknown_countries(codes: Iterable[str]) -> list[str]:
    """Those of `codes` that the library has no holidays for."""
    import holidays

    supported = holidays.list_supported_countries(include_aliases=True)
    unknown = []
    for code in codes:
        country, dash, subdivision = code.upper().partition("-")
        if country not in supported or (dash and subdivision not in supported[country]):
            unknown.append(code)
    return unknown
