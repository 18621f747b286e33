"""`uat`: the team's acceptance list, case by case, critical ones first. Runbook: `Ejecutar UAT Checklist`.

Enter does what a machine can; each other case is a person's pass, fail or blocked, the last two with a note. A failure
fails the step, and its note is offered for the pull request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from console.errors import CanarioError, UsageError
from console.journal.scrub import scrub_text
from console.runbook import github_site, http_checks, uat_list
from console.runbook.evidence import Evidence, ItemResult, Progress, Result
from console.runbook.http_checks import Wanted
from console.runbook.kinds.base import Ask, KindSettings, LocalPaths, StepContext, StepKind
from console.runbook.marks import EnvironmentName
from console.runbook.uat_list import Case
from console.settings_types import Problem
from console.text import clean
from console.words import _

LONGEST_NOTE = 500
"""Characters of a note that are kept."""
POST = "post"
"""The word that writes a case's note on the pull request; `fail+post` and `blocked+post` answer and write at once."""


class UatSettings(KindSettings):
    """Settings of `uat`."""

    file: str = "qa/UAT_checklist.md"
    """The list, from the checkout."""
    cases: Annotated[int | None, Field(ge=0)] = None
    """How many it must have; not set: settings' `checklist.uat_cases`."""
    environment: EnvironmentName = "staging"
    """Environment that the machine's cases are checked against."""
    machine: Mapping[str, Literal["healthz", "metrics", "events", "webhook"]] = Field(default_factory=dict)
    """Cases that an `http` check does, by id, e.g. `{ "UAT-01" = "events" }`, where the case's own words name what is
    checked (`GET /events`), and no other's do; where a list numbers otherwise a person does it."""
    post_note: bool = False
    """Whether a failure's note is written on the pull request without asking."""

    @field_validator("file")
    @classmethod
    def _inside(cls, file: str) -> str:
        path = Path(file)
        if path.is_absolute() or ".." in path.parts:
            raise Problem(_("leads out of the checkout"), _('Write a file inside it, like "qa/UAT_checklist.md".'))
        return file


class Uat(StepKind):
    """The acceptance list."""

    name: ClassVar[str] = "uat"
    settings_model: ClassVar[type[KindSettings]] = UatSettings
    ask = Ask.ITEMS
    machine = False
    needs_checkout: ClassVar[bool] = True

    @property
    def _settings(self) -> UatSettings:
        assert isinstance(self.settings, UatSettings)
        return self.settings

    def items(self, paths: LocalPaths, before: Evidence | None = None) -> tuple[ItemResult, ...]:
        """How each case stands, to be drawn before anything is run.

        Raises:
            UsageError: there is no list.
        """
        return uat_list.standing(self._cases(paths), before.items if before is not None else ())

    async def run(self, context: StepContext) -> Evidence:
        """Take one answer, or do the machine's cases.

        `Answer.item` names the case and `word` is `pass`, `fail` or `blocked`; `post`, or `+post` after the word,
        writes its note on the pull request. Without an item the machine's open cases are checked, and once nothing is
        open, those that a person failed are open again.

        Raises:
            UsageError: no list, no such case, a note is missing, or the case is the machine's.
            CanarioError: a check's address or secret is missing; GitHub does not take the note.
        """
        cases = await asyncio.to_thread(self._cases, context.paths)
        before = context.before
        # answers for another image are answers about another program
        mine = before is not None and before.subject == context.subject.bound(context.step.bound_to)
        items = uat_list.standing(cases, before.items if before is not None and mine else ())
        answer = context.answer
        trouble = ""
        if answer.item:
            case = self._case(cases, answer.item)
            word, _plus, post = answer.word.partition("+")
            if word == POST:
                await self._post(context, next(item for item in items if item.id == case.id))
            else:
                if post not in ("", POST):
                    word = answer.word
                items = uat_list.answered(items, self._answered(context, case, word))
                if word != "pass" and (post or (self._settings.post_note and word == "fail")):
                    trouble = await self._tried(context, next(item for item in items if item.id == case.id))
        else:
            items = await self._check(context, cases, uat_list.reopened(items))
        return self._evidence(context, items, trouble)

    def explain(self) -> tuple[str, ...]:
        """The file, and who does what."""
        settings = self._settings
        told = [_("The cases of {file}, critical ones first: pass, fail or blocked.").format(file=settings.file)]
        if settings.machine:
            names = ", ".join(f"{case} ({check})" for case, check in settings.machine.items())
            told.append(_("Enter checks by machine, where the case names that address: {names}.").format(names=names))
        told.append(_("fail and blocked need a note; a failure stops the release, its note goes on the pull request."))
        return tuple(told)

    # -- the list -------------------------------------------------------------------------------------------------

    def _cases(self, paths: LocalPaths) -> tuple[Case, ...]:
        path = paths.checkout / self._settings.file
        shown = clean(str(path), 200)
        try:
            if not path.resolve().is_relative_to(paths.checkout.resolve()):
                raise UsageError(
                    _("{file} leads out of the checkout.").format(file=shown), remedy=_("Put the list itself there.")
                )
            with path.open("rb") as file:
                raw = file.read(uat_list.LARGEST_FILE + 1)
        except OSError as error:
            raise UsageError(
                _("The UAT list {file} cannot be read: {problem}.").format(file=shown, problem=error.strerror or error),
                remedy=_("Start canario in the team's checkout, or write its path as the step's file."),
            ) from error
        if len(raw) > uat_list.LARGEST_FILE:
            raise UsageError(
                _("The UAT list {file} is over 1 MiB.").format(file=shown), remedy=_("Check the step's file.")
            )
        cases = uat_list.read_cases(raw.decode("utf-8", "replace"), self._settings.machine, http_checks.PATHS)
        if twice := uat_list.doubles(cases):
            raise UsageError(
                _("Cases of {file} have the same id: {ids}.").format(file=shown, ids=", ".join(twice)),
                remedy=_("Give each an id of its own."),
            )
        return cases

    def _case(self, cases: tuple[Case, ...], name: str) -> Case:
        for case in cases:
            if case.id == name:
                return case
        raise UsageError(
            _("The UAT list has no case {name}.").format(name=clean(name, 40)),
            remedy=_("It has changed: choose a case of the list as it is now."),
        )

    def _answered(self, context: StepContext, case: Case, word: str) -> ItemResult:
        note = scrub_text(context.answer.note.strip(), LONGEST_NOTE)
        if word not in uat_list.WORDS:
            raise UsageError(
                _("A case is answered with pass, fail or blocked, not {word!r}.").format(word=clean(word, 40)),
                remedy=_("Choose one of them."),
            )
        if case.machine:
            raise UsageError(
                _("{case} is checked by the machine ({check}).").format(case=case.id, check=case.machine),
                remedy=_("Press Enter to have it checked."),
            )
        if word != "pass" and not note:
            raise UsageError(
                _("{case}: {word} needs a note.").format(case=case.id, word=word),
                remedy=_("Write in one line what happened."),
            )
        return ItemResult(case.id, case.title, word, note, case.critical, context.identity)

    async def _check(
        self, context: StepContext, cases: tuple[Case, ...], items: tuple[ItemResult, ...]
    ) -> tuple[ItemResult, ...]:
        """Do the machine's cases that have not passed."""
        passed = {item.id for item in items if item.result == "pass"}
        open_ = [case for case in cases if case.machine and case.id not in passed]
        general = context.tools.settings
        for number, case in enumerate(open_):
            check = next((name for name in http_checks.PATHS if name == case.machine), None)
            if check is None:
                raise UsageError(
                    _("{case} names no check: {check}.").format(case=case.id, check=clean(case.machine, 40)),
                    remedy=_("Checks: {known}.").format(known=", ".join(http_checks.PATHS)),
                )
            context.report(
                Progress(_("checking {case}").format(case=case.id), fraction=number / len(open_), items=items)
            )
            wanted = Wanted(
                check=check,  # type: ignore[arg-type]
                environment=self._settings.environment,
                startup_wait=general.checklist.startup_wait,
                signature_header=general.http.signature_header,
                refusals=general.http.refusals,
            )
            judged = (await http_checks.perform(context, wanted)).judged
            result = "pass" if judged.passed else "fail"
            done = ItemResult(case.id, case.title, result, judged.sentence, case.critical, uat_list.MACHINE)
            items = uat_list.answered(items, done)
        return items

    def _evidence(self, context: StepContext, items: tuple[ItemResult, ...], trouble: str) -> Evidence:
        settings = self._settings
        counts = {word: sum(item.result == word for item in items) for word in (*uat_list.WORDS, "")}
        result = uat_list.result_of(items)
        expected = context.tools.settings.checklist.uat_cases if settings.cases is None else settings.cases
        problems = [f"{item.id}: {item.note}" for item in items if item.result in ("fail", "blocked")]
        remedy = ""
        sentence = _("{passed} of {total} cases passed").format(passed=counts["pass"], total=len(items))
        if counts["fail"] or counts["blocked"]:
            sentence += ", " + _("{failed} failed, {blocked} blocked").format(
                failed=counts["fail"], blocked=counts["blocked"]
            )
        if result is Result.FAILED:
            remedy = _("Note it on the pull request, revert and fix it in develop; then answer the case again.")
        if len(items) != expected:
            result = Result.FAILED
            problems.insert(
                0, _("The list has {count} cases, not {expected}.").format(count=len(items), expected=expected)
            )
            sentence = problems[0]
            remedy = remedy or _("Complete {file}, or set checklist.uat_cases.").format(file=settings.file)
        if trouble:
            problems.append(trouble)
        figures = (
            (_("passed"), f"{counts['pass']}"),
            (_("failed"), f"{counts['fail']}"),
            (_("blocked"), f"{counts['blocked']}"),
            (_("open"), f"{counts['']}"),
        )
        return context.evidence(
            result,
            sentence,
            figures=figures,
            problems=tuple(problems),
            remedy=remedy,
            items=items,
            machine=bool(items) and all(item.by in ("", uat_list.MACHINE) for item in items),
        )

    # -- the pull request -----------------------------------------------------------------------------------------

    async def _tried(self, context: StepContext, item: ItemResult) -> str:
        """Write a case's note on the pull request; why it could not be, for the answer counts all the same."""
        try:
            await self._post(context, item)
        except CanarioError as error:
            return _("The note is not on the pull request: {problem}").format(problem=error.what)
        return ""

    async def _post(self, context: StepContext, item: ItemResult) -> None:
        """Write a case's note on the pull request, once.

        Raises:
            UsageError: the case has no note.
            CanarioError: GitHub does not take it.
        """
        if item.result not in ("fail", "blocked") or not item.note:
            raise UsageError(
                _("{case} has no note to write on the pull request.").format(case=item.id),
                remedy=_("Only a case that failed or is blocked has one."),
            )
        # the same answer about the same image is the same comment, also after a crash
        mark = f"<!-- canario {context.subject.candidate} {item.id} {item.result} -->"
        async with github_site.opened(context) as github:
            pull = await github_site.find_pull_request(context, github)
            if any(mark in body and item.note in body for body in await github.comments(pull.number)):
                return
            await github.comment(pull.number, "\n".join((mark, *comment_lines(item, context.identity))))
        context.report(Progress(_("written on #{number}").format(number=pull.number)))


def comment_lines(item: ItemResult, by: str) -> tuple[str, ...]:
    """What is written on the pull request of a case."""
    word = _("failed") if item.result == "fail" else _("is blocked")
    return (
        _("**UAT {case} {word}** (canario, {who})").format(case=item.id, word=word, who=by),
        "",
        f"> {item.title}",
        "",
        item.note,
    )


__all__ = ["POST", "Uat", "UatSettings", "comment_lines"]
