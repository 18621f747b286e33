"""Database URLs, read by SQLAlchemy and held to our rules: no password in them, our drivers, TLS off the machine."""

from __future__ import annotations

import ipaddress

from console.errors import SettingsError
from console.migrations.database import Address
from console.words import _

DRIVERS = {
    "mysql": "mysql",
    "mysql+pymysql": "mysql",
    "mariadb": "mysql",
    "mariadb+pymysql": "mysql",
    "postgresql": "postgres",
    "postgresql+psycopg": "postgres",
    "postgres": "postgres",
    "sqlite": "sqlite",
}
"""What a URL may begin with, and the dialect that it means."""

_PORTS = {"mysql": 3306, "postgres": 5432}
_OPTIONS = {"ssl_ca", "sslrootcert", "unix_socket", "host"}


def read_url(text: str, *, cloud_sql: str = "", iam: bool = False) -> Address:
    """The address that a URL names, without a password.

    Args:
        text: e.g. `mysql://canario@10.0.0.5/wa`, `postgresql://...`, `sqlite:///wa.db`.
        cloud_sql: `project:region:instance`, where it is reached by the Cloud SQL connector.
        iam: whether Cloud SQL logs in by IAM.

    Raises:
        SettingsError: it is none, holds a password, names another driver, or an option that we do not know.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise SettingsError(
            _("That is no database URL."), remedy=_("Write one like mysql://canario@10.0.0.5:3306/wa.")
        ) from error
    if url.password is not None or "password" in url.query:
        raise SettingsError(
            _("A database URL holds no password."),
            remedy=_(
                "Take it out, and keep it in the keyring (keyring set canario database-password) "
                "or in CANARIO_DATABASE_PASSWORD."
            ),
        )
    engine = DRIVERS.get(url.drivername)
    if engine is None:
        raise SettingsError(
            _("There is no database driver {name!r} here.").format(name=url.drivername[:40]),
            remedy=_("URLs begin with: {known}. aiomysql and asyncmy send several statements at once.").format(
                known=", ".join(f"{name}://" for name in DRIVERS)
            ),
        )
    unknown = set(url.query) - _OPTIONS
    if unknown:
        raise SettingsError(
            _("The database URL has options that are not known: {names}.").format(names=", ".join(sorted(unknown))),
            remedy=_("Options: {known}.").format(known=", ".join(sorted(_OPTIONS))),
        )
    if not url.database:
        raise SettingsError(
            _("The database URL names no database."), remedy=_("Add it at the end, like mysql://canario@10.0.0.5/wa.")
        )
    if engine == "sqlite":
        if url.database == ":memory:" or url.host:
            raise SettingsError(
                _("An SQLite URL names a file."), remedy=_("Write sqlite:///wa.db, or sqlite:////srv/wa.db.")
            )
        return Address("sqlite", database=url.database)
    options = {name: value if isinstance(value, str) else value[0] for name, value in url.query.items()}
    socket = options.get("unix_socket") or options.get("host") or ""
    if socket and not socket.startswith("/"):
        raise SettingsError(
            _("The option {name!r} names a socket by its whole path.").format(name=socket[:60]),
            remedy=_("Put a host between @ and the database's name."),
        )
    host = url.host or "127.0.0.1"
    return Address(
        engine,
        host,
        url.port or _PORTS[engine],
        url.database,
        url.username or "",
        socket=socket,
        ca=options.get("ssl_ca") or options.get("sslrootcert") or "",
        tls=not (socket or cloud_sql or is_loopback(host)),
        cloud_sql=cloud_sql,
        iam=iam,
    )


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by its address; names other than `localhost` are never believed."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
