"""A webhook goes in, replies come out."""

import json

import pytest

from wa_orchestrator import firma, rag
from wa_orchestrator.mensajes import NotAMessage
from wa_orchestrator.orquestador import Orchestrator, Refused


def webhook(*texts: str) -> bytes:
    messages = [{"id": f"m{n}", "from": "5939999999", "text": {"body": text}} for n, text in enumerate(texts)]
    changes = [{"value": {"messages": messages}}, {"value": {"statuses": []}}, {"field": "x"}]
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"changes": changes}]}).encode()


def ask(service: Orchestrator, *texts: str) -> list[str]:
    body = webhook(*texts)
    return service.handle(body, firma.sign(body, "secreto"))


@pytest.fixture
def service() -> Orchestrator:
    return Orchestrator("secreto")


def test_a_complete_booking_is_confirmed_with_its_note(service: Orchestrator) -> None:
    (reply,) = ask(service, "reservar para 4 el viernes a las 8. Nota: torta propia")
    assert reply == "¡Listo! Mesa para 4, viernes a las 20:00 ✅ Anotado: torta propia."


def test_what_is_missing_is_asked(service: Orchestrator) -> None:
    assert ask(service, "quiero reservar para 2") == ["¡Con gusto! ¿Me dices día, hora? 🙂"]


def test_a_full_house_offers_another_hour(service: Orchestrator) -> None:
    assert "ya no hay mesa" in ask(service, "reservar para 90 hoy a las 8")[0]


def test_questions_are_answered_from_the_houses_text(service: Orchestrator) -> None:
    assert ask(service, "¿aceptan mascotas?") == ["Aceptamos mascotas en la terraza."]
    assert ask(Orchestrator("secreto"), "¿venden zapatos?") == ["Lo averiguo y te escribo enseguida."]
    assert rag.answer("xyz") is None


def test_cancelling_and_greeting(service: Orchestrator) -> None:
    replies = ask(service, "reservar para 2 hoy a las 9", "cancelar por favor", "cancelar", "hola")
    assert replies[1:3] == ["Tu reserva quedó cancelada.", "No encuentro una reserva a tu nombre."]
    assert replies[3].startswith("¡Hola!")


def test_a_message_that_meta_sends_twice_is_answered_once(service: Orchestrator) -> None:
    assert ask(service, "hola") != []
    assert ask(service, "hola") == []


def test_unsigned_and_foreign_webhooks_are_refused(service: Orchestrator) -> None:
    with pytest.raises(Refused):
        service.handle(webhook("hola"), None)
    for body in (b"{", b"[]", b'{"object": "page"}'):
        with pytest.raises(NotAMessage):
            service.handle(body, firma.sign(body, "secreto"))
