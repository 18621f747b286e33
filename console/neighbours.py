"""What else there is to look at: every environment of the settings and every other service beside it, as it stands now.

Runs on the session's loop; the environments screen draws what it finds. Knows no screen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.errors import CanarioError
from console.release.service import Service
from console.release.state import Release, read_release
from console.words import _

if TYPE_CHECKING:
    from console.session import Session
    from console.settings import Environment, Settings

TIMEOUT_S = 15.0
"""Wall seconds that another project may take to answer."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One environment, or a service without one."""

    environment: Environment
    """What to open; for a service that no environment names, one made for it, protected."""
    named: bool
    """Whether the settings name it."""
    service: Service | None = None
    """As read now; None while it is being read or where it can't be."""
    release: Release | None = None
    problem: str = ""
    """Why it can't be read, one sentence, or empty."""


def known(settings: Settings) -> tuple[Neighbour, ...]:
    """Every environment of the settings, nothing read yet."""
    return tuple(Neighbour(settings.environment(name), True) for name in settings.environments)


async def look_around(
    session: Session, settings: Settings, *, endpoint: str | None, as_email: str | None
) -> tuple[Neighbour, ...]:
    """Read them all: what shares the session's project and region through its connection, the rest each on its own.

    Args:
        session: the open one.
        settings: name the environments.
        endpoint: simulator that everything is at, or None.
        as_email: identity on loopback.
    """
    here = session.environment
    services = await _services_here(session)
    found: list[Neighbour] = []
    elsewhere: list[Environment] = []
    named: set[str] = set()
    for name in settings.environments:
        environment = settings.environment(name)
        if _same_place(environment, here, endpoint):
            named.add(environment.service)
            found.append(_neighbour(environment, True, services))
        else:
            elsewhere.append(environment)
    found += await asyncio.gather(*(_read_elsewhere(settings, env, as_email) for env in elsewhere))
    if not isinstance(services, CanarioError):
        for service in services.values():
            if service.name not in named:
                other = here.model_copy(update={"name": service.name, "service": service.name, "protected": True})
                found.append(_neighbour(other, False, services))
    order = list(settings.environments)
    return tuple(sorted(found, key=lambda n: order.index(n.environment.name) if n.named else len(order)))


def _same_place(environment: Environment, here: Environment, endpoint: str | None) -> bool:
    if endpoint is not None or environment.name == here.name:
        return True  # one simulator plays every environment
    return (environment.project, environment.region, environment.endpoint) == (
        here.project,
        here.region,
        here.endpoint,
    )


async def _services_here(session: Session) -> Mapping[str, Service] | CanarioError:
    try:
        return {service.name: service for service in await session.cloud.run.list_services()}
    except CanarioError as error:
        return error


def _neighbour(environment: Environment, named: bool, services: Mapping[str, Service] | CanarioError) -> Neighbour:
    if isinstance(services, CanarioError):
        return Neighbour(environment, named, problem=str(services))
    service = services.get(environment.service)
    if service is None:
        return Neighbour(environment, named, problem=_("there is no service {name}").format(name=environment.service))
    release, problem = read_release(service.annotations)
    return Neighbour(environment, named, service, release, problem)


async def _read_elsewhere(settings: Settings, environment: Environment, as_email: str | None) -> Neighbour:
    from console.session import Session

    try:
        async with asyncio.timeout(TIMEOUT_S):
            other = await Session.open(settings, environment, as_email=as_email, watch=False)
            try:
                service = await other.cloud.run.get_service(environment.service)
            finally:
                await other.close()
    except TimeoutError:
        return Neighbour(environment, True, problem=_("no answer in {n} s").format(n=f"{TIMEOUT_S:g}"))
    except CanarioError as error:
        return Neighbour(environment, True, problem=str(error))
    release, problem = read_release(service.annotations)
    return Neighbour(environment, True, service, release, problem)


__all__ = ["Neighbour", "known", "look_around"]
