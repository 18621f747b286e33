"""The restaurant's agenda: how many seats are free at an hour, and booking them."""

from __future__ import annotations

from dataclasses import dataclass, field

from wa_orchestrator.nlu import Slots

SEATS = 40
OPENS, CLOSES = "12:00", "23:00"


class Full(Exception):
    """There is no table left."""


@dataclass(frozen=True)
class Booking:
    """A table that is taken."""

    customer: str
    party: int
    day: str
    hour: str
    notes: str = ""


@dataclass
class Agenda:
    """All bookings, by day and hour."""

    seats: int = SEATS
    bookings: list[Booking] = field(default_factory=list)

    def free(self, day: str, hour: str) -> int:
        """Seats left then; 0 while the restaurant is closed."""
        if not OPENS <= hour < CLOSES:
            return 0
        return self.seats - sum(b.party for b in self.bookings if (b.day, b.hour) == (day, hour))

    def book(self, customer: str, slots: Slots) -> Booking:
        """Take a table.

        Raises:
            ValueError: a slot is missing.
            Full: too few seats.
        """
        if slots.party is None or slots.day is None or slots.hour is None:
            raise ValueError(f"missing: {', '.join(slots.missing)}")
        if slots.party > self.free(slots.day, slots.hour):
            raise Full(f"{slots.day} {slots.hour}")
        booking = Booking(customer, slots.party, slots.day, slots.hour, slots.notes)
        self.bookings.append(booking)
        return booking

    def cancel(self, customer: str) -> int:
        """Free all tables of `customer`; how many there were."""
        before = len(self.bookings)
        self.bookings = [booking for booking in self.bookings if booking.customer != customer]
        return before - len(self.bookings)
