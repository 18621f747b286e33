"""The demo's database: an SQLite file as the code in production knows it, and the migrations of the release."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.settings import Settings

BEFORE = """
CREATE TABLE clientes (id INTEGER PRIMARY KEY, telefono TEXT NOT NULL, nombre TEXT);
CREATE TABLE reservas (
    id INTEGER PRIMARY KEY,
    cliente_id INTEGER NOT NULL REFERENCES clientes (id),
    dia TEXT NOT NULL,
    hora TEXT NOT NULL,
    personas INTEGER NOT NULL
);
CREATE INDEX idx_reservas_dia ON reservas (dia);
INSERT INTO clientes (telefono, nombre) VALUES ('+525550000001', 'Ana'), ('+525550000002', 'Luis');
INSERT INTO reservas (cliente_id, dia, hora, personas) VALUES
    (1, '2026-11-27', '20:00', 4), (2, '2026-11-28', '14:30', 2);
"""
"""The schema that the stable revision runs on."""

DATABASE = "wa.db"
"""Name of the file."""

MIGRATIONS = {
    "0005_clientes_idioma.sql": """-- Paso 1: idioma preferido del cliente
ALTER TABLE clientes ADD COLUMN idioma CHAR(2) NOT NULL DEFAULT 'es';
""",
    "0006_reservas_estado.sql": """-- Paso 2: estado de la reserva e índice para el panel
ALTER TABLE reservas ADD COLUMN estado VARCHAR(20) NOT NULL DEFAULT 'confirmada';
CREATE INDEX idx_reservas_dia_estado ON reservas(dia, estado);
""",
    "0007_reservas_notes.sql": """-- Paso 3: notas del cliente; el código anterior ignora la columna
ALTER TABLE reservas ADD COLUMN notes VARCHAR(500);
CREATE INDEX idx_notes ON reservas(notes);
""",
    "0008_clientes_sin_nombre.sql": """-- Paso 4: el nombre viene ya del perfil. El código anterior todavía lo lee.
ALTER TABLE clientes DROP COLUMN nombre;
""",
}
"""What old code does not notice, and at the end what it would not survive."""


def with_database(settings: Settings, folder: Path, migrations: Path | None = None) -> Settings:
    """`settings` whose environments have a database in `folder`, with migrations to apply.

    Args:
        settings: the demo's.
        folder: an existing, temporary one.
        migrations: a folder of migrations that is there already (the sample checkout's); None: ours are written.
    """
    path = folder / DATABASE
    connection = sqlite3.connect(path)
    try:
        connection.executescript(BEFORE)
    finally:
        connection.close()
    if migrations is None:
        migrations = folder / "migrations"
        migrations.mkdir()
        for name, sql in MIGRATIONS.items():
            (migrations / name).write_text(sql, encoding="utf-8")
    return at_database(settings, path, migrations)


def at_database(settings: Settings, path: Path, migrations: Path) -> Settings:
    """`settings` whose environments have the SQLite file at `path` for a database, with `migrations` to apply."""
    from console.settings_tables import DatabaseSettings, MigrationSettings

    database = DatabaseSettings(url=f"sqlite:///{path}")
    environments = {
        name: environment.model_copy(update={"database": database})
        for name, environment in settings.environments.items()
    }
    return settings.model_copy(
        update={"environments": environments, "migrations": MigrationSettings(folder=str(migrations))}
    )
