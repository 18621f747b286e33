"""What a session gives its runbook's steps: settings, connections to its environments, variables, secrets.

The real parts in the product, in the demo and in the tests: only variables and endpoints differ.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from console.errors import UnavailableError
from console.words import _

if TYPE_CHECKING:
    from console.actions import Actions
    from console.cloud.client import Cloud
    from console.notify import Notifier
    from console.session import Session
    from console.settings import Environment, Settings
    from console.verdict.base import Tick
    from console.watch.snapshot import Snapshot

CONNECT_S = 20.0
"""Wall seconds that connecting to another environment may take."""


class SessionTools:
    """`console.runbook.kinds.base.Tools` over an open session. One event loop's only.

    Args:
        session: of the release's environment.
        settings: all of them.
        variables: environment variables of our own, laid over the process's (the demo's addresses and tokens).
    """

    def __init__(self, session: Session, settings: Settings, variables: Mapping[str, str] | None = None) -> None:
        self._session, self._settings = session, settings
        self._variables = dict(variables or {})
        self._clouds: dict[tuple[str, str], Cloud] = {}
        self._connecting = asyncio.Lock()

    @property
    def settings(self) -> Settings:
        """All settings."""
        return self._settings

    @property
    def environment(self) -> Environment:
        """The environment that the release is for."""
        return self._session.environment

    @property
    def actions(self) -> Actions:
        """The guarded door to that environment's service."""
        return self._session.actions

    @property
    def notifier(self) -> Notifier:
        """Slack, bell and title."""
        return self._session.notifier

    @property
    def loopback(self) -> bool:
        """Whether all of this is a simulator's."""
        return self._session.cloud.target.endpoint is not None

    def snapshot(self) -> Snapshot | None:
        """The live picture, where one is watched."""
        latest = self._session.watcher.latest
        return latest if latest.service is not None else None

    def ticks(self, revision: str, since: int) -> tuple[Tick, ...]:
        """Closed seconds of the live picture from Unix second `since` on; empty where nothing is watched."""
        return self._session.watcher.ticks(revision, since)

    async def cloud(self, environment: str = "") -> tuple[Cloud, Environment]:
        """A connection for an environment by name; one is kept for each project and region, and closed at the end.

        Against a simulator every environment is looked for there, whatever its settings say: a played release must not
        reach a real service.

        Raises:
            UsageError: there is none of that name.
            CanarioError: it cannot be reached.
        """
        from console.cloud.client import Cloud
        from console.cloud.target import CloudTarget
        from console.settings import project_for

        own = self._session.cloud.target
        here = self._session.environment
        if environment in ("", here.name):
            return self._session.cloud, here
        chosen = self._settings.environment(environment)
        if own.endpoint is not None:
            chosen = chosen.model_copy(update={"project": own.project, "region": own.region})
            return self._session.cloud, chosen
        chosen = chosen.model_copy(update={"project": chosen.project or project_for(chosen)})
        if chosen.endpoint is None and (chosen.project, chosen.region) == (own.project, own.region):
            return self._session.cloud, chosen
        async with self._connecting:
            place = (chosen.project, chosen.region)
            if place not in self._clouds:
                target = CloudTarget(chosen.project, chosen.region, chosen.endpoint)
                try:
                    async with asyncio.timeout(CONNECT_S):
                        self._clouds[place] = await Cloud.connect(target, self._session.clock)
                except TimeoutError:
                    raise UnavailableError(
                        _("{environment} does not answer.").format(environment=environment), remedy=_("Try again.")
                    ) from None
            return self._clouds[place], chosen

    def variables(self) -> Mapping[str, str]:
        """The process's environment variables, and ours over them."""
        return {**os.environ, **self._variables}

    async def secret(self, name: str) -> str | None:
        """A secret by its name; against a simulator only a variable's: a played release asks no keyring."""
        from console.secrets import SECRETS, secret

        variables = self.variables()
        if value := variables.get(SECRETS[name], "").strip():
            return value
        return None if self.loopback else await asyncio.to_thread(secret, name, variables)

    async def close(self) -> None:
        """Close what was opened here."""
        clouds, self._clouds = tuple(self._clouds.values()), {}
        for cloud in clouds:
            await cloud.close()
