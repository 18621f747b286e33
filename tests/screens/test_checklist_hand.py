"""Between a case's answer and the next case's dialog, Enter asks for nothing: the answer may not be kept yet."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

from screens.checklist_hand import ChecklistHand
from screens.dialogs.case import CaseWord
from tests.screens import checklists


class Host:
    """An app whose loop has not come to what was spawned."""

    def __init__(self) -> None:
        self.opened: list[Callable[[Any], None]] = []
        self.waiting: list[Coroutine[Any, Any, None]] = []
        self.operator: Any = None
        self.current: Any = None

    async def ask(self, make: Any) -> Any:
        raise AssertionError("nothing runs yet")

    def say(self, text: str, severity: str = "information", *, keep: bool = False) -> None:
        raise AssertionError(text)

    def open_dialog(self, dialog: Any, then: Callable[[Any], None]) -> None:
        self.opened.append(then)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.waiting.append(work)


def test_a_second_enter_right_after_an_answer_does_not_ask_for_the_same_case_again() -> None:
    host = Host()
    hand = ChecklistHand(host)
    checklist = checklists.uat_half_done()
    rules = SimpleNamespace(name="production", protected=True)
    view: Any = SimpleNamespace(checklist=checklist, rules=rules)
    chosen = checklist.view("uat")
    assert chosen is not None
    hand.run(view, chosen)
    (then,) = host.opened
    then(CaseWord("pass"))
    hand.run(view, chosen)
    assert len(host.opened) == 1
    for work in host.waiting:
        work.close()
