"""Where the cloud is: a project and region at Google, or a simulator on loopback."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass

from console.errors import SettingsError
from console.words import _


@dataclass(frozen=True, slots=True)
class CloudTarget:
    """A project and region, and how to reach them."""

    project: str
    region: str
    endpoint: str | None = None
    """`HOST:PORT` of a simulator on loopback, spoken to in plaintext; None means Google, with TLS and credentials."""
    email: str | None = None
    """On loopback only: who we say we are (bearer token `sim-EMAIL`); None means `$USER@demo.example`."""

    def check(self) -> None:
        """Refuse an endpoint that plaintext must not go to (DESIGN.md, decision 1).

        Raises:
            SettingsError: not `HOST:PORT`, or HOST is neither a loopback address nor `localhost`.
        """
        if self.endpoint is None:
            return
        host, colon, port = self.endpoint.rpartition(":")
        remedy = _("Give the address that `canario simulate` printed, e.g. --endpoint 127.0.0.1:8085.")
        bare = ":" in host and not (host.startswith("[") and host.endswith("]"))  # ::1:8085 could be an address itself
        if not colon or bare or not port.isdecimal() or not 0 < int(port) < 65536:
            raise SettingsError(
                _("The endpoint {endpoint} is not HOST:PORT.").format(endpoint=repr(self.endpoint)), remedy=remedy
            )
        if not is_loopback(host):
            raise SettingsError(
                _("The endpoint {endpoint} is not on this machine; plaintext goes to loopback only.").format(
                    endpoint=repr(self.endpoint)
                ),
                remedy=remedy,
            )

    @property
    def loopback_email(self) -> str:
        """Who the simulator takes us for."""
        return self.email or f"{os.environ.get('USER') or 'operator'}@demo.example"

    def service_path(self, service: str) -> str:
        """Full resource name of `service`."""
        return f"projects/{self.project}/locations/{self.region}/services/{service}"

    @property
    def parent(self) -> str:
        """`projects/P/locations/R`."""
        return f"projects/{self.project}/locations/{self.region}"


def is_loopback(host: str) -> bool:
    """Whether `host` is `localhost` or a loopback address; a name that would have to be looked up is not."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False
