"""Whether a runbook fits the settings that it is walked with: environments that there are, shares that the plan has.

What can only be told with the settings at hand is told here, before anything is run, with the line and the fix.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from console.errors import SettingsError
from console.runbook.load import Loaded, located, marked, nearest
from console.runbook.marks import NamesEnvironment, ShareOfPlan
from console.settings_errors import together
from console.words import _

if TYPE_CHECKING:
    from console.runbook.model import Step
    from console.settings import Settings
    from console.settings_sources import KeyPath


def check_fits(loaded: Loaded, settings: Settings, environment: str = "") -> None:
    """Refuse a runbook that leads to what the settings have not.

    Args:
        loaded: the runbook; a packaged one is taken as it is, for it is nobody's to mend.
        settings: all of them.
        environment: name of the one that the release is for; empty: any of them.

    Raises:
        SettingsError: it does not fit; names file, line, key and the fix of each mistake.
    """
    if not loaded.packaged and (found := tuple(_mistakes(loaded, settings, environment))):
        raise together(found)


def _mistakes(loaded: Loaded, settings: Settings, environment: str) -> Iterator[SettingsError]:
    releases = (environment,) if environment else tuple(settings.environments)
    plans = {name: settings.rules(name).plan.steps for name in releases}
    shares = sorted({share for steps in plans.values() for share in steps})
    for path, step in located(loaded.runbook):
        for key, value, mark in marked(loaded.kinds[step.id].settings):
            problem: tuple[str, str] | None = None
            if isinstance(mark, NamesEnvironment) and value:
                problem = _environment(str(value), step, key, mark, settings)
            elif isinstance(mark, ShareOfPlan) and value not in shares:
                problem = (
                    _("{step}: {percent} % is no step of the plan").format(step=step.id, percent=value),
                    _("Its steps are {steps} (settings' plan.steps).").format(steps=", ".join(map(str, shares))),
                )
            if problem is not None:
                where: KeyPath = (*path, "settings", key)
                yield SettingsError(f"{loaded.where(where)}: {problem[0]}.", remedy=problem[1])


def _environment(name: str, step: Step, key: str, mark: NamesEnvironment, settings: Settings) -> tuple[str, str] | None:
    here = settings.environments.get(name)
    if here is None:
        what = _("{step}: {key} names {name!r}, and the settings have no such environment")
        return what.format(step=step.id, key=key, name=name), nearest(name, settings.environments)
    if not mark.protected and here.protected:
        free = [own for own, one in settings.environments.items() if not one.protected]
        return (
            _("{step}: {key} names {name!r}, which is protected").format(step=step.id, key=key, name=name),
            _("Name one that is not: {names}.").format(names=", ".join(free) or "-"),
        )
    return None
