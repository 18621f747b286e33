"""What customers write is understood."""

import pytest

from wa_orchestrator.nlu import Slots, intent_of, slots_of


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Quiero reservar para 4", "reservar"),
        ("cancelar la reserva de mañana", "cancelar"),
        ("¿puedo cambiar la hora?", "cambiar"),
        ("¿aceptan mascotas?", "preguntar"),
        ("hola 👋", "saludar"),
        ("xyz", "desconocido"),
    ],
)
def test_intents(text: str, intent: str) -> None:
    assert intent_of(text) == intent


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("reservar para 4 el viernes a las 8", Slots(4, "viernes", "20:00")),
        ("mesa para dos mañana a la una y media", Slots(2, "mañana", "13:30")),
        ("reservar el lunes a las 9 am", Slots(None, "lunes", "09:00")),
        ("reservar para 6 hoy a las 13:15. Nota: silla de bebé", Slots(6, "hoy", "13:15", "silla de bebé")),
        ("reservar a las 44", Slots()),
    ],
)
def test_slots(text: str, slots: Slots) -> None:
    assert slots_of(text) == slots


def test_a_note_is_cut_to_the_columns_length() -> None:
    assert len(slots_of("reservar. Nota: " + "x" * 900).notes) == 500
