"""Reading a runbook: TOML in, a checked `Runbook` with a kind for each step out; a mistake names line, key and fix.

`console.settings_sources` keeps the lines, `console.settings_errors` the words; here is what makes a runbook one: ids
that are one step's alone, needs that lead somewhere and never round, kinds that exist, settings that their kind takes.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from console.errors import SettingsError
from console.journal.scrub import HIDDEN, scrub_text
from console.runbook.kinds import kinds
from console.runbook.kinds.base import StepKind, checked
from console.runbook.model import LONGEST_HOLD, Runbook, Step
from console.secrets import SECRETS, looks_secret
from console.settings_errors import describe, no_secrets
from console.settings_sources import KeyPath, Layer, read_file
from console.settings_types import shown_duration
from console.words import _

Which = Literal["despliegue", "rollback"]

DEFAULTS = Path(__file__).parent / "default"
"""Where the packaged runbooks are."""

_INDEXED = re.compile(r"\bphases\.(\d+)(?:\.steps\.(\d+))?")


@dataclass(frozen=True)
class Loaded:
    """A runbook, checked."""

    runbook: Runbook
    kinds: Mapping[str, StepKind]
    """The kind of each step, its settings checked, by the step's id."""
    source: str
    """Path of its file."""
    packaged: bool = False
    """Whether it is canario's own default."""


def packaged(which: Which = "despliegue") -> Path:
    """The file of a packaged runbook: the team's own procedure, or its manual rollback."""
    return DEFAULTS / f"{which}.toml"


def load_runbook(path: Path | None = None, which: Which = "despliegue") -> Loaded:
    """The runbook in a file.

    Args:
        path: the file; None: the packaged one.
        which: which packaged one.

    Raises:
        SettingsError: it cannot be read, or is wrong; names file, line, key, and the fix.
    """
    layer = read_file(path or packaged(which))
    no_secrets(layer, _secret)
    try:
        runbook = Runbook.model_validate(layer.values)
    except ValidationError as error:
        raise _named(describe(error, Runbook, [layer]), layer.values) from None
    _Check(runbook, layer).all()
    return Loaded(runbook, dict(_with_kinds(runbook, layer)), layer.source, path is None)


def _secret(key: str, value: object) -> bool:
    """Whether a runbook's value is a secret; the name of one in the keyring, a yes or a number is none."""
    if isinstance(value, str) and HIDDEN in scrub_text(value) and not _prose(key):
        return True
    return isinstance(value, str) and value not in SECRETS and not _prose(key) and looks_secret("", value)


def _prose(key: str) -> bool:
    return key in ("en", "es", "id", "source")


def _with_kinds(runbook: Runbook, layer: Layer) -> Iterator[tuple[str, StepKind]]:
    known = kinds()
    for path, step in _located(runbook):
        kind = known.get(step.kind)
        if kind is None:
            raise SettingsError(
                _("{where}: {step} is of the kind {kind!r}, which there is not.").format(
                    where=layer.where((*path, "kind")), step=step.id, kind=step.kind
                ),
                remedy=_nearest(step.kind, known),
            )
        try:
            yield step.id, checked(kind, step)
        except ValidationError as error:
            raise _named(
                describe(error, kind.settings_model, [layer], within=(*path, "settings")), layer.values
            ) from None


def _nearest(name: str, known: Mapping[str, object] | Sequence[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    if close:
        return _("Did you mean {key!r}?").format(key=close[0])
    return _("Known are: {names}.").format(names=", ".join(sorted(known)))


def _located(runbook: Runbook) -> Iterator[tuple[KeyPath, Step]]:
    for number, phase in enumerate(runbook.phases):
        for place, step in enumerate(phase.steps):
            yield ("phases", number, "steps", place), step


def _named(error: SettingsError, values: Mapping[str, object]) -> SettingsError:
    """The error with `phases.3.steps.1` told by name."""

    def name(found: re.Match[str]) -> str:
        table: object = values
        for part in ("phases", int(found[1]), *(() if found[2] is None else ("steps", int(found[2])))):
            try:
                table = table[part]  # type: ignore[index]
            except (KeyError, IndexError, TypeError):
                return found[0]
        own = table.get("id") if isinstance(table, Mapping) else None
        return own if isinstance(own, str) and own.isidentifier() else found[0]

    return SettingsError(_INDEXED.sub(name, error.what), traffic=error.traffic, remedy=error.remedy)


class _Check:
    """What pydantic cannot see: names that must lead somewhere."""

    def __init__(self, runbook: Runbook, layer: Layer) -> None:
        self._runbook, self._layer = runbook, layer
        self._steps = {step.id: step for step in runbook.steps()}
        self._phases = {phase.id: phase for phase in runbook.phases}

    def all(self) -> None:
        """Raise at the first mistake.

        Raises:
            SettingsError: there is one.
        """
        self._one_of_each()
        for number, phase in enumerate(self._runbook.phases):
            self._leads_somewhere(("phases", number), phase.id, phase.needs)
            if not phase.steps:
                self._fail(
                    ("phases", number), _("{phase} has no steps").format(phase=phase.id), _("Add one, or take it out.")
                )
        for path, step in _located(self._runbook):
            self._leads_somewhere(path, step.id, step.needs)
            self._alternative(path, step)
            self._holds(path, step)
        self._never_round()

    def _one_of_each(self) -> None:
        phases = [(("phases", number), phase.id) for number, phase in enumerate(self._runbook.phases)]
        self._unique(phases, _("Give each phase an id of its own."))
        self._unique([(path, step.id) for path, step in _located(self._runbook)], _("Give each step an id of its own."))

    def _unique(self, places: Sequence[tuple[KeyPath, str]], remedy: str) -> None:
        seen: dict[str, KeyPath] = {}
        for path, own in places:
            if own in seen:
                self._fail(
                    (*path, "id"),
                    _("the id {id!r} is taken already (at {where})").format(
                        id=own, where=self._layer.where((*seen[own], "id"))
                    ),
                    remedy,
                )
            seen[own] = path

    def _leads_somewhere(self, path: KeyPath, own: str, needs: Sequence[str]) -> None:
        for need in needs:
            if need not in self._steps and need not in self._phases:
                self._fail(
                    (*path, "needs"),
                    _("{step} needs {need!r}, which there is not").format(step=own, need=need),
                    _nearest(need, [*self._steps, *self._phases]),
                )

    def _alternative(self, path: KeyPath, step: Step) -> None:
        first = step.alternative_to
        if not first:
            return
        where = (*path, "alternative_to")
        if first not in self._steps or first == step.id:
            self._fail(
                where,
                _("{step} is an alternative to {first!r}, which is no other step").format(step=step.id, first=first),
                _nearest(first, [name for name in self._steps if name != step.id]),
            )
        if self._steps[first].alternative_to:
            self._fail(
                where,
                _("{step} is an alternative to {first!r}, which is one itself").format(step=step.id, first=first),
                _("Name {first!r}, which both stand for.").format(first=self._steps[first].alternative_to),
            )

    def _holds(self, path: KeyPath, step: Step) -> None:
        if step.holds is not None and not timedelta(0) < step.holds <= LONGEST_HOLD:
            self._fail(
                (*path, "holds"),
                _("{step}: evidence can't hold {span}").format(step=step.id, span=shown_duration(step.holds)),
                _('Write up to 30 days, like holds = "4 h", or leave it out: as long as the release.'),
            )

    def _never_round(self) -> None:
        state: dict[str, bool] = {}
        trail: list[str] = []

        def follow(own: str) -> None:
            if state.get(own) is False:
                circle = [*trail[trail.index(own) :], own]
                path = next(path for path, step in _located(self._runbook) if step.id == own)
                phase = self._runbook.phase_of(own)
                where = (*path, "needs") if self._steps[own].needs or phase is None else (*path[:2], "needs")
                self._fail(
                    where,
                    _("needs go in a circle: {circle}").format(circle=" needs ".join(circle)),
                    _("Take one of these needs out, so that something can be first."),
                )
            if own in state:
                return
            state[own] = False
            trail.append(own)
            for need in self._needs(own):
                follow(need)
            trail.pop()
            state[own] = True

        for own in self._steps:
            follow(own)

    def _needs(self, own: str) -> list[str]:
        phase = self._runbook.phase_of(own)
        found: list[str] = []
        for need in self._steps[own].needs:
            found += self._runbook.needed(need, phase.id if phase is not None else "")
        for need in phase.needs if phase is not None else ():
            found += self._runbook.needed(need)
        return found

    def _fail(self, path: KeyPath, what: str, remedy: str) -> None:
        raise SettingsError(f"{self._layer.where(path)}: {what}.", remedy=remedy)
