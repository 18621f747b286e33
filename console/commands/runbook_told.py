"""What `canario runbook run` prints: its beginning, each step with its evidence, its end; lines, or JSON a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.output import say, say_json
from console.commands.runbook import evidence_lines, step_document
from console.commands.runbook_before import no_of
from console.runbook.progress import StepView, state_word
from console.words import _, language

if TYPE_CHECKING:
    from console.errors import ExitCode
    from console.runbook.walk import Walk


class Told:
    """Prints one walk.

    Args:
        walk: an open one.
        as_json: print one JSON object for each step.
    """

    def __init__(self, walk: Walk, *, as_json: bool) -> None:
        self._walk, self._as_json = walk, as_json

    def begin(self) -> None:
        """Say what is walked, and as whom."""
        checklist, subject = self._walk.latest, self._walk.subject
        if self._as_json:
            say_json({"event": "begin", "runbook": checklist.runbook.id, "candidate": subject.candidate}, indent=None)
            return
        say(
            _("{title} · {steps} steps · candidate {candidate} · as {who}").format(
                title=checklist.runbook.title.in_language(language()),
                steps=len(checklist.steps),
                candidate=subject.candidate or _("new"),
                who=self._walk.session.identity,
            )
        )

    def begun(self, view: StepView) -> None:
        """Say that a step is begun."""
        if not self._as_json:
            say(f"{self._walk.now():%H:%M:%S}  > {view.step.id}")

    def step(self, view: StepView) -> None:
        """Say how a step stands, with its evidence."""
        if self._as_json:
            say_json({"event": "step", **step_document(view)}, indent=None)
            return
        say(f"{self._walk.now():%H:%M:%S}  {state_word(view.state):<9} {view.step.id:<18} {view.reason}")
        for line in evidence_lines(view.evidence) if view.evidence is not None else ():
            say(line)

    def end(self, code: ExitCode, sentence: str) -> None:
        """Say how the walk ended."""
        if self._as_json:
            say_json({"event": "end", "exit_code": int(code), "sentence": sentence}, indent=None)
            return
        say()
        say(sentence)


def standing(told: str, view: StepView) -> str:
    """`told`, and what an operator does about a person's no where it is one."""
    who = no_of(view)
    if not who:
        return told
    what = _("{who}'s no is not answered over: answer it in the console (k), or with --yes-again {step}=WHY.")
    return f"{told.rstrip('.')}. {what.format(who=who, step=view.step.id)}"
