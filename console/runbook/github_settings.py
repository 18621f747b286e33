"""Settings of the kind `github`: which look at GitHub, or which thing done there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from console.github import rules
from console.runbook.kinds.base import KindSettings
from console.settings_types import Duration, Problem
from console.words import _


class GitHubStepSettings(KindSettings):
    """Settings of `github`."""

    check: Literal["form", "checks", "approvals", "merged", "workflow", "dispatch"]
    """What is looked at, or done: see the class."""
    number: Annotated[int | None, Field(gt=0)] = None
    """The pull request's number; not set: the open one of the checkout's branch."""
    title: str = rules.TITLE
    """`form`: regular expression that the title begins with."""
    sections: tuple[str, ...] = rules.SECTIONS
    """`form`: sections that the description has."""
    labels: bool = True
    """`form`: whether the runbook's labels are asked for."""
    required: Annotated[tuple[str, ...], Field(examples=[["build"]])] = ()
    """`checks`, `merged`: names that must be among them, and have succeeded."""
    approvals: Annotated[int | None, Field(ge=0, le=100)] = None
    """`approvals`: how many; not set: settings' `checklist.code_approvals`."""
    associations: tuple[str, ...] = rules.ASSOCIATIONS
    """`approvals`, `merged`: what an approver must be to the repository, in GitHub's words."""
    merge: bool = False
    """`merged`: whether Enter merges it once it is approved and green."""
    workflow: str = ""
    """`workflow`, `dispatch`: the workflow's file name, e.g. `backend-ci.yml`."""
    event: str = "push"
    """`workflow`: what sets its run off, in GitHub's words; a run by hand of the same commit is another."""
    branch: str = ""
    """`workflow`: branch that it runs for; empty: settings' `github.base`."""
    ref: str = ""
    """`dispatch`: branch that it runs on; empty: settings' `github.base`."""
    inputs: Mapping[str, str | int | bool] = Field(default_factory=dict)
    """`dispatch`: its inputs, e.g. `{ environment = "production", revision_traffic_percent = 10 }`."""
    environment_input: str = "environment"
    """`dispatch`: input that names where it deploys."""
    percent_input: str = "revision_traffic_percent"
    """`dispatch`: input that says what share the new revision gets at once; empty: the workflow moves no traffic."""
    wait: Duration = timedelta(minutes=30)
    """How long what is still running is followed."""
    appears: Duration = timedelta(minutes=2)
    """`workflow`, `dispatch`: how long GitHub may take to list the run."""
    poll: Duration = timedelta(seconds=3)
    """Pause between two looks."""

    @field_validator("title")
    @classmethod
    def _compiles(cls, title: str) -> str:
        try:
            re.compile(title)
        except re.error as error:
            raise Problem(_("is no regular expression: {problem}").format(problem=error), "") from error
        return title

    @model_validator(mode="after")
    def _whole(self) -> GitHubStepSettings:
        if self.check in ("workflow", "dispatch") and not self.workflow:
            raise Problem(_("names no workflow"), _('Write its file name, like workflow = "backend-ci.yml".'), "check")
        if self.merge and self.check != "merged":
            raise Problem(_('is for check = "merged" alone'), _("Leave merge out."), "merge")
        return self
