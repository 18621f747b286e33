"""Reading a runbook: TOML in, a checked `Runbook` with a kind for each step out; a mistake names line, key and fix.

`console.settings_sources` keeps the lines, `console.settings_errors` the words; here is what makes a runbook one: ids
that are one step's alone, needs that lead somewhere and never round, kinds that exist, settings that their kind takes.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from console.errors import SettingsError
from console.journal.scrub import HIDDEN, scrub_text
from console.runbook.kinds import kinds
from console.runbook.kinds.base import Ask, KindSettings, StepKind, checked
from console.runbook.marks import NamesStep
from console.runbook.model import LONGEST_HOLD, Runbook, Step
from console.secrets import SECRETS, looks_secret
from console.settings_errors import describe_all, no_secrets, together
from console.settings_sources import KeyPath, Layer, read_file, where
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
    layer: Layer | None = field(default=None, repr=False, compare=False)
    """The file as it was read, with its lines."""

    def where(self, path: KeyPath) -> str:
        """Where a key of it stands: `FILE:LINE`."""
        return where([self.layer], path) if self.layer is not None else self.source


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
    try:
        _no_secrets(layer)
        try:
            runbook = Runbook.model_validate(layer.values)
        except ValidationError as error:
            raise together(sorted(describe_all(error, Runbook, [layer]), key=_line)) from None
        check = Check(runbook, layer)
        found = check.whole()
        if check.mistakes:
            raise together(sorted(check.mistakes, key=_line))
    except SettingsError as error:
        raise _named(error, layer.values) from None
    return Loaded(runbook, found, layer.source, path is None, layer)


def _line(error: SettingsError) -> int:
    found = re.search(r":(\d+): ", error.what)
    return int(found[1]) if found else 0


def _no_secrets(layer: Layer) -> None:
    no_secrets(
        layer,
        _secret,
        what=_("{where}: {key} looks like a secret, and secrets are kept out of a runbook."),
        remedy=_(
            "Take it out (and replace it at its issuer if the file was shared). A step is given a secret by its name, "
            'like secrets = {{ WA_TOKEN = "{first}" }}; names: {names}.'
        ).format(first=next(iter(SECRETS)), names=", ".join(SECRETS)),
    )


def _secret(key: str, value: object) -> bool:
    """Whether a runbook's value is a secret; the name of one in the keyring, a yes or a number is none."""
    if isinstance(value, str) and HIDDEN in scrub_text(value) and not _prose(key):
        return True
    return isinstance(value, str) and value not in SECRETS and not _prose(key) and looks_secret("", value)


def _prose(key: str) -> bool:
    return key in ("en", "es", "id", "source")


def nearest(name: str, known: Collection[str]) -> str:
    """The fix for a name that there is not: the one that was meant, or all that there are."""
    close = difflib.get_close_matches(name, list(known), n=1)
    if close:
        return _("Did you mean {key!r}?").format(key=close[0])
    return _("Known are: {names}.").format(names=", ".join(sorted(known)))


def located(runbook: Runbook) -> Iterator[tuple[KeyPath, Step]]:
    """Every step, and where it stands in the file."""
    for number, phase in enumerate(runbook.phases):
        for place, step in enumerate(phase.steps):
            yield ("phases", number, "steps", place), step


def marked(settings: KindSettings) -> Iterator[tuple[str, object, object]]:
    """Settings of a kind that bear a mark (`console.runbook.marks`) and were written: key, value, mark."""
    for name, info in type(settings).model_fields.items():
        if name in settings.model_fields_set:
            for mark in info.metadata:
                yield info.alias or name, getattr(settings, name), mark


def _named(error: SettingsError, values: Mapping[str, object]) -> SettingsError:
    """The error with `phases.3.steps.1` told by name, wherever it says so."""

    def own(*path: str | int) -> str:
        table: object = values
        for part in path:
            try:
                table = table[part]  # type: ignore[index]
            except (KeyError, IndexError, TypeError):
                return ""
        told = table.get("id") if isinstance(table, Mapping) else None
        return told if isinstance(told, str) and told.isidentifier() else ""

    def name(found: re.Match[str]) -> str:
        phase = own("phases", int(found[1])) or _("phase {number}").format(number=int(found[1]) + 1)
        if found[2] is None:
            return phase
        step = own("phases", int(found[1]), "steps", int(found[2]))
        return step or _("{phase}, step {number}").format(phase=phase, number=int(found[2]) + 1)

    return SettingsError(_INDEXED.sub(name, error.what), traffic=error.traffic, remedy=_INDEXED.sub(name, error.remedy))


class Check:
    """What pydantic cannot see of a whole runbook: names that must lead somewhere, kinds and their settings.

    Args:
        runbook: each table of it sound by itself.
        layer: its file.
    """

    def __init__(self, runbook: Runbook, layer: Layer) -> None:
        self.mistakes: list[SettingsError] = []
        """All that was found wrong, in the order in which it was looked for."""
        self._runbook, self._layer = runbook, layer
        self._steps = {step.id: step for step in runbook.steps()}
        self._phases = {phase.id: phase for phase in runbook.phases}

    def whole(self) -> dict[str, StepKind]:
        """Look at everything; the kind of each step, by its id, of those that are sound."""
        if not self._runbook.phases:
            self._fail(
                ("phases",),
                _("{id} has no steps").format(id=self._runbook.id),
                _("Add a phase, [[phases]], with a step below it, [[phases.steps]]."),
            )
        self._one_of_each()
        for number, phase in enumerate(self._runbook.phases):
            self._leads_somewhere(("phases", number), phase.id, phase.needs)
            if not phase.steps:
                self._fail(
                    ("phases", number, "steps"),
                    _("{phase} has no steps").format(phase=phase.id),
                    _("Add one below it, [[phases.steps]], or take it out."),
                )
        found = {}
        for path, step in located(self._runbook):
            self._leads_somewhere(path, step.id, step.needs)
            self._alternative(path, step)
            self._holds(path, step)
            if (kind := self._kind(path, step)) is not None:
                found[step.id] = kind
                self._names_steps(path, step, kind)
        for path, step in located(self._runbook):
            if step.id in found and found[step.id].ask is Ask.SIGN:
                self._approval(path, step, found)
        if not self.mistakes:
            self._never_round()
        return found

    def _kind(self, path: KeyPath, step: Step) -> StepKind | None:
        known = kinds()
        kind = known.get(step.kind)
        if kind is None:
            self._fail(
                (*path, "kind"),
                _("{step} is of the kind {kind!r}, which there is not").format(step=step.id, kind=step.kind),
                nearest(step.kind, known),
            )
            return None
        try:
            return checked(kind, step)
        except ValidationError as error:
            settings = (*path, "settings")
            self.mistakes += describe_all(error, kind.settings_model, [self._layer], within=settings)
            return None

    def _names_steps(self, path: KeyPath, step: Step, kind: StepKind) -> None:
        for key, value, mark in marked(kind.settings):
            if isinstance(mark, NamesStep) and value and value not in self._steps:
                self._fail(
                    (*path, "settings", key),
                    _("{step}: {key} names {name!r}, which is no step").format(step=step.id, key=key, name=value),
                    nearest(str(value), [own for own in self._steps if own != step.id]),
                )

    def _approval(self, path: KeyPath, step: Step, found: Mapping[str, StepKind]) -> None:
        """An approval is given, or the release stops: nothing else stands for it."""
        loose = {
            "skip": step.skip is not None,
            "advice": step.advice,
            "alternative_to": bool(step.alternative_to),
        }
        for key in (key for key, is_so in loose.items() if is_so):
            self._fail(
                (*path, key),
                _("{step} is an approval, and {key} would let a release go on without it").format(
                    step=step.id, key=key
                ),
                _("Take {key} out.").format(key=key),
            )
        for other_path, other in located(self._runbook):
            if other.alternative_to == step.id and other.id in found:
                self._fail(
                    (*other_path, "alternative_to"),
                    _("{step} would stand for {approval}, and nothing stands for an approval").format(
                        step=other.id, approval=step.id
                    ),
                    _("Take {key} out.").format(key="alternative_to"),
                )

    def _one_of_each(self) -> None:
        phases = [(("phases", number), phase.id) for number, phase in enumerate(self._runbook.phases)]
        self._unique(phases, _("Give each phase an id of its own."))
        self._unique([(path, step.id) for path, step in located(self._runbook)], _("Give each step an id of its own."))

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
            seen.setdefault(own, path)

    def _leads_somewhere(self, path: KeyPath, own: str, needs: Sequence[str]) -> None:
        for need in needs:
            if need not in self._steps and need not in self._phases:
                self._fail(
                    (*path, "needs"),
                    _("{step} needs {need!r}, which there is not").format(step=own, need=need),
                    nearest(need, [*self._steps, *self._phases]),
                )

    def _alternative(self, path: KeyPath, step: Step) -> None:
        first = step.alternative_to
        if not first:
            return
        key = (*path, "alternative_to")
        if first not in self._steps or first == step.id:
            self._fail(
                key,
                _("{step} is an alternative to {first!r}, which is no other step").format(step=step.id, first=first),
                nearest(first, [name for name in self._steps if name != step.id]),
            )
        elif self._steps[first].alternative_to:
            self._fail(
                key,
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
                path = next(path for path, step in located(self._runbook) if step.id == own)
                phase = self._runbook.phase_of(own)
                own_needs = self._steps[own].needs or phase is None
                self._fail(
                    (*path, "needs") if own_needs else (*path[:2], "needs"),
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
        self.mistakes.append(SettingsError(f"{where([self._layer], path)}: {what}.", remedy=remedy))
