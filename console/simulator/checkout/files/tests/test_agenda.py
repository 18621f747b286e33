"""Tables are booked once."""

import pytest

from wa_orchestrator.agenda import Agenda, Full
from wa_orchestrator.nlu import Slots

FRIDAY = Slots(4, "viernes", "20:00", "cumpleaños")


def test_a_booking_takes_its_seats_and_keeps_its_note() -> None:
    agenda = Agenda()
    assert agenda.book("ana", FRIDAY).notes == "cumpleaños"
    assert agenda.free("viernes", "20:00") == 36
    assert agenda.free("viernes", "21:00") == 40


def test_a_full_hour_is_refused() -> None:
    agenda = Agenda(seats=6)
    agenda.book("ana", FRIDAY)
    with pytest.raises(Full):
        agenda.book("luis", FRIDAY)


def test_nobody_dines_while_it_is_closed() -> None:
    assert Agenda().free("viernes", "09:00") == 0
    with pytest.raises(Full):
        Agenda().book("ana", Slots(2, "viernes", "23:30"))


def test_a_missing_slot_is_named() -> None:
    with pytest.raises(ValueError, match="día, hora"):
        Agenda().book("ana", Slots(2))


def test_a_cancelled_table_is_free_again() -> None:
    agenda = Agenda()
    agenda.book("ana", FRIDAY)
    assert agenda.cancel("ana") == 1
    assert agenda.cancel("ana") == 0
    assert agenda.free("viernes", "20:00") == 40
