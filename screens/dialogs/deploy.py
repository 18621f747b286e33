"""Deploy a new revision with no traffic: image, tag, and what the guardrails say."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from console.errors import CanarioError
from console.release.guardrails import REASON_LENGTH, blocked_by
from console.release.moves import Proposal
from console.words import _
from screens.dialogs.base import Dialog, field, plain
from screens.dialogs.move import answers_content
from screens.view import View

TAG = re.compile(r"[a-z][a-z0-9-]{0,45}[a-z0-9]|[a-z]\Z")
"""A tag as Cloud Run takes it: lower case letters, figures and dashes, a letter first, no dash last
(https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration#tags)."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What to deploy."""

    image: str
    tag: str
    reason: str = ""


class DeployDialog(Dialog[Deployment | None]):
    """Image and tag.

    Args:
        view: the latest view.
        propose: what the guardrails say of deploying (image, tag) now.
    """

    DEFAULT_CSS = """
    DeployDialog #answers { height: auto; margin: 1 0; }
    DeployDialog #reason, DeployDialog #reason-label { display: none; }
    DeployDialog.-reason #reason, DeployDialog.-reason #reason-label { display: block; }
    """

    def __init__(self, view: View, propose: Callable[[str, str], Proposal]) -> None:
        super().__init__(view)
        self._propose = propose
        self._proposal: Proposal | None = None
        self._trouble = ""

    def heading(self) -> str:
        """What is asked."""
        rules = self.view.rules
        return _("{environment}: deploy a new revision with no traffic").format(
            environment=f"▲ {rules.name.upper()}" if rules.protected else rules.name
        )

    def compose_body(self) -> ComposeResult:
        """Image, tag, answers, reason."""
        yield plain(_("image"), classes="faint")
        yield field(placeholder="us-central1-docker.pkg.dev/PROJECT/wa-app/wa-backend:TAG", id="image", max_length=512)
        yield plain(_("tag (its own URL, at 0 %)"), classes="faint")
        yield field(value="canary", id="tag", max_length=47)
        yield plain("", id="deploy-problem", classes="problem")
        yield plain("", id="answers")
        yield plain(_("A written reason lets this pass; it is journalled and announced:"), id="reason-label")
        yield field(placeholder=_("at least {n} characters").format(n=REASON_LENGTH), id="reason", max_length=500)

    def typed(self, id: str) -> str:
        """What stands in an input, stripped."""
        return self.query_one(f"#{id}", Input).value.strip()

    def problem(self) -> str:
        """What is wrong with image or tag, or empty."""
        image = self.typed("image")
        if not image:
            return _("Type the image to deploy.")
        if any(character.isspace() or not character.isprintable() for character in image):
            return _("An image has no spaces.")
        if not TAG.fullmatch(self.typed("tag")):
            return _("A tag is lower case letters, figures and dashes, a letter first.")
        return ""

    def can_confirm(self) -> bool:
        """Whether image and tag will do and nothing blocks."""
        if self.problem() or self._trouble or self._proposal is None:
            return False
        return not blocked_by(self._proposal.answers, self.typed("reason"))

    def confirm_label(self) -> str:
        """The verb."""
        return _("Deploy")

    def leave_label(self) -> str:
        """Nothing was deployed yet."""
        return _("Leave")

    def confirm(self) -> None:
        """Leave with what was typed."""
        reason = self.typed("reason") if self.has_class("-reason") else ""
        self.dismiss(Deployment(self.typed("image"), self.typed("tag"), reason))

    def show_body(self, view: View) -> None:
        """Ask the guardrails afresh."""
        try:
            proposal = self._propose(self.typed("image"), self.typed("tag"))
            trouble = ""
        except CanarioError as error:
            proposal, trouble = None, str(error)
        if (proposal, trouble) != (self._proposal, self._trouble):
            self._proposal, self._trouble = proposal, trouble
            answers = self.query_one("#answers", Static)
            if proposal is not None:
                answers.update(answers_content(proposal, "", view, self.width))
                self.set_class(proposal.overridable, "-reason")
            else:
                answers.update(Content(trouble))
        self.query_one("#reason", Input).disabled = not self.has_class("-reason")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once what is wrong."""
        event.stop()
        self.query_one("#deploy-problem", Static).update(Content(self.problem() if self.typed("image") else ""))
        self.show(self.view)
