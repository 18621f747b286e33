"""Where a dispatched workflow deploys, and with how much traffic: what decides whether the guardrails stand before it.

Runbook: `Opción A: Desde GitHub Actions`, inputs `environment` and `revision_traffic_percent`.
"""

from __future__ import annotations

from collections.abc import Mapping

from console.errors import UsageError
from console.settings import Environment, Settings
from console.words import _


def guarded_percent(
    inputs: Mapping[str, str], settings: Settings, own: Environment, *, environment_input: str, percent_input: str
) -> int | None:
    """The share that the new revision gets at once where the guardrails must be asked; None where it is free.

    It is free in an environment that settings know and do not protect. One that they do not know, or that the inputs do
    not name, is taken for the release's own.

    Args:
        inputs: the workflow's.
        settings: all of them.
        own: the environment that the release is for, whose guardrails can be asked.
        environment_input: input that names the environment.
        percent_input: input that tells the share; empty: the workflow moves no traffic.

    Raises:
        UsageError: it deploys to a protected environment that is not the release's, or nobody can tell with what share.
    """
    named = inputs.get(environment_input, "")
    known = settings.environments.get(named)
    if known is not None and named != own.name:
        if not known.protected:
            return None
        raise UsageError(
            _("The workflow would deploy to {named}, and this release is for {own}.").format(named=named, own=own.name),
            traffic=_("Nothing was started."),
            remedy=_("Open the release with --env {named}, whose guardrails hold there.").format(named=named),
        )
    if not own.protected:
        return None
    if not percent_input:
        return 0
    told = inputs.get(percent_input, "").strip()
    if not (told.isascii() and told.isdigit() and int(told[:4]) <= 100):
        raise UsageError(
            _("The step does not say what share of the traffic the workflow gives: {name} is {value!r}.").format(
                name=percent_input, value=told
            ),
            traffic=_("Nothing was started."),
            remedy=_('Write {name} = 0 in its inputs, or percent_input = "" where the workflow moves none.').format(
                name=percent_input
            ),
        )
    return int(told)
