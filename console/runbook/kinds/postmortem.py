"""`postmortem`: it is opened, and its start is written. Runbook: `Rollback Manual: 5. Postmortem`.

canario writes the release's report (Markdown and HTML) into the checkout; that it is looked into, and which test case
is added, is a person's word.
"""

from __future__ import annotations

import asyncio
from pathlib import Path, PurePosixPath
from typing import ClassVar

from pydantic import field_validator

from console.errors import CanarioError, UsageError
from console.runbook.evidence import Evidence, Progress, Result
from console.runbook.kinds.base import Ask, KindSettings, StepContext, StepKind
from console.settings_types import Problem
from console.text import clean
from console.words import _


class PostmortemSettings(KindSettings):
    """Settings of `postmortem`."""

    folder: str = "docs/postmortems"
    """Folder in the checkout where it is written; made where it is missing."""

    @field_validator("folder")
    @classmethod
    def _inside(cls, folder: str) -> str:
        path = PurePosixPath(folder)
        if not folder or path.is_absolute() or ".." in path.parts:
            raise Problem(_("is no folder of the checkout"), _('Write one like folder = "docs/postmortems".'))
        return folder


class Postmortem(StepKind):
    """A post-mortem begun. Enter writes its start and signs that it goes on."""

    name: ClassVar[str] = "postmortem"
    settings_model: ClassVar[type[KindSettings]] = PostmortemSettings
    ask = Ask.WORD
    machine = False

    async def run(self, context: StepContext) -> Evidence:
        """Write its start, and take the word.

        Raises:
            UsageError: nobody gave it.
        """
        if context.answer.word.strip().lower() != "yes":
            raise UsageError(
                _("That the post-mortem is looked into is a person's word."),
                remedy=_("Press Enter to sign it under your name."),
            )
        context.report(Progress(_("writing the report")))
        note = clean(context.answer.note.strip(), 500)
        figures: list[tuple[str, str]] = [(_("note"), note)] if note else []
        problems: tuple[str, ...] = ()
        try:
            written = await self._write(context)
        except CanarioError as error:
            problems = (str(error),)
            sentence = _("{who} opens the post-mortem; its start could not be written").format(who=context.identity)
        else:
            figures += [(_("post-mortem"), written[0]), (_("report"), written[1])]
            sentence = _("{who} opens the post-mortem: {path}").format(who=context.identity, path=written[0])
        return context.evidence(
            Result.PASSED,
            sentence,
            figures=tuple(figures),
            problems=problems,
            remedy=_("`canario report` writes it.") if problems else "",
            machine=False,
            output=dict(figures).get(_("post-mortem"), ""),
        )

    def explain(self) -> tuple[str, ...]:
        """What is written, and what is signed."""
        return (
            _("Writes the release's report into {folder} of the checkout.").format(folder=self._settings.folder),
            _("Left to people: what testing missed, and the test case that is added."),
        )

    async def _write(self, context: StepContext) -> tuple[str, str]:
        """The paths of the Markdown and the HTML."""
        from console.chronicle import Source
        from console.report import write_report

        snapshot = context.tools.snapshot()
        if snapshot is None:
            raise UsageError(_("The service has not been read yet."), remedy=_("Wait a moment and try again."))
        cloud, environment = await context.tools.cloud()
        source = Source(cloud, environment, context.tools.actions.access.journal, context.clock, snapshot)
        folder = context.paths.checkout / self._settings.folder
        if not await asyncio.to_thread(inside, context.paths.checkout, folder):
            raise UsageError(
                _("{folder} leads out of the checkout.").format(folder=clean(str(folder), 200)),
                remedy=_("A link stands there: put a folder of the checkout in its place."),
            )
        written = await write_report(source, context.tools.settings, "", folder)
        return str(written.markdown), str(written.html)

    @property
    def _settings(self) -> PostmortemSettings:
        assert isinstance(self.settings, PostmortemSettings)
        return self.settings


def inside(checkout: Path, folder: Path) -> bool:
    """Whether `folder` lies in `checkout` with no link on the way: what is written there must not land elsewhere."""
    here = checkout
    for part in folder.relative_to(checkout).parts:
        here = here / part
        if here.is_symlink():
            return False
    return folder.resolve().is_relative_to(checkout.resolve())
