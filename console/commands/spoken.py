"""The command line library's own words ("Usage", "Missing argument ...") in the operator's language.

Typer looks up a few of its words with gettext, in the process's domain, and writes the others in English. The few get
our catalogues; the others are known here by their English, as templates, and a sentence that is not known stays as it
is. In English nothing changes.
"""

from __future__ import annotations

import contextlib
import gettext
import re
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from console import words
from console.words import N_, _

T = TypeVar("T")

LOOKED_UP = (
    N_("Options"),
    N_("Arguments"),
    N_("Commands"),
    N_("required"),
    N_("default: {default}"),
    N_("No such command {name!r}."),
    N_("Aborted!"),
)
"""What typer asks gettext for."""

WRITTEN = (
    N_("Show this message and exit."),
    N_("Install completion for the current shell."),
    N_("Show completion for the current shell, to copy it or customize the installation."),
    N_("[OPTIONS]"),
    N_("COMMAND [ARGS]..."),
)
"""What typer writes in English in a help text."""

SENTENCES = (
    N_("Missing argument {name}."),
    N_("Missing option {name}."),
    N_("No such option: {name} (Possible options: {others})"),
    N_("No such option: {name}"),
    N_("{problem}. Did you mean {others}?"),
    N_("Got unexpected extra argument(s) ({words})"),
    N_("Option {name} requires an argument."),
    N_("Option {name} does not take a value."),
    N_("Invalid value for {name}: {problem}"),
    N_("Input should be a valid integer, unable to parse string as an integer"),
    N_("Input should be a valid number, unable to parse string as a number"),
    N_("Input should be greater than or equal to {least}"),
    N_("Input should be less than or equal to {most}"),
)
"""What typer, and pydantic behind it, write in English of a mistake; the first that fits counts."""

UsageError: type[Exception] = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "UsageError")
"""Base of typer's mistakes; typer shows it only through those that stand on it."""


def sentence(english: str) -> str:
    """What typer says of a mistake, in the operator's language where it is known."""
    for template in SENTENCES:
        found = re.fullmatch(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(template)), english, re.DOTALL)
        if found is not None:
            parts = found.groupdict()
            if "problem" in parts:
                parts["problem"] = sentence(parts["problem"])
            return _(template).format(**parts)
    return english


def use_our_catalogues() -> None:
    """Let typer's own look-ups find our words."""
    gettext.bindtextdomain("canario", str(words.LOCALE_DIR))
    gettext.textdomain("canario")


class SpokenCommand(TyperCommand):
    """A command that speaks the operator's language."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """The usage line."""
        _write_usage(self, ctx, formatter)

    def get_params(self, ctx: Any) -> Any:
        """The options, those that typer adds of itself translated."""
        return _translated(super().get_params(ctx))


class SpokenGroup(TyperGroup):
    """The command that has all others, in the operator's language; their mistakes come through here too."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """As a command's."""
        _write_usage(self, ctx, formatter)

    def get_params(self, ctx: Any) -> Any:
        """As a command's."""
        return _translated(super().get_params(ctx))

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Read the words before the command's name."""
        with _mistakes():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        """Read the words behind it, and run the command."""
        with _mistakes():
            return super().invoke(ctx)


def _write_usage(command: Any, ctx: Any, formatter: Any) -> None:
    pieces = [_(piece) if piece in WRITTEN else piece for piece in command.collect_usage_pieces(ctx)]
    formatter.write_usage(ctx.command_path, " ".join(pieces), prefix=_("Usage:") + " ")


def _translated(params: Sequence[T]) -> Sequence[T]:
    for param in params:
        if getattr(param, "help", None) in WRITTEN:
            param.help = _(param.help)  # type: ignore[attr-defined]
    return params


@contextlib.contextmanager
def _mistakes() -> Iterator[None]:
    """Have typer show a mistake as we say it."""
    try:
        yield
    except UsageError as mistake:
        mistake.show = partial(_show, mistake)  # type: ignore[attr-defined]
        raise


def _show(mistake: Any, file: object = None) -> None:
    """As typer shows one: usage, where help is, and what is wrong."""
    context = mistake.ctx
    lines = []
    if context is not None:
        lines.append(context.get_usage())
        if context.command.get_help_option(context) is not None:
            lines.append(
                _("Try '{command} {option}' for help.").format(
                    command=context.command_path, option=context.help_option_names[0]
                )
            )
        lines.append("")
    lines.append(_("Error: {problem}").format(problem=sentence(mistake.format_message())))
    typer.echo("\n".join(lines), file=sys.stderr)
