"""What is typed behind `canario runbook run`: which of the ways that do the same is walked."""

from __future__ import annotations

import pytest

from console.commands.runbook_typed import options
from console.errors import UsageError
from console.runbook.load import load_runbook


def test_option_a_is_named_by_its_step() -> None:
    runbook = load_runbook().runbook
    assert options(runbook, ()) == frozenset()
    assert options(runbook, ("deploy_by_workflow",)) == {"deploy_by_workflow"}
    assert options(runbook, ("deploy", "deploy")) == {"deploy"}


def test_a_step_that_has_no_other_way_is_no_option_and_those_that_are_get_named() -> None:
    with pytest.raises(UsageError, match="'tests' is no option") as error:
        options(load_runbook().runbook, ("tests",))
    assert "deploy, deploy_by_workflow" in str(error.value)


def test_two_ways_of_the_same_are_refused() -> None:
    with pytest.raises(UsageError, match="do the same: name one"):
        options(load_runbook().runbook, ("deploy", "deploy_by_workflow"))
