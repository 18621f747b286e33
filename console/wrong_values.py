"""Pydantic's own mistakes ("Input should be a valid tuple") in words for operators. Pure.

Half a sentence that follows the key's name, as `console.settings_types.Problem` has it. Its error types are listed in
https://docs.pydantic.dev/latest/errors/validation_errors/; one that is not known here keeps pydantic's English.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from pydantic_core import ErrorDetails

from console.text import clean
from console.words import N_, _

_WORDS: Mapping[str, str] = {
    "bool_type": N_("must be true or false"),
    "bool_parsing": N_("must be true or false"),
    "int_type": N_("must be a whole number"),
    "int_parsing": N_("must be a whole number"),
    "int_parsing_size": N_("is too large a number"),
    "int_from_float": N_("must be a whole number"),
    "float_type": N_("must be a number"),
    "float_parsing": N_("must be a number"),
    "finite_number": N_("must be a finite number"),
    "string_type": N_("must be a text in quotes"),
    "string_unicode": N_("must be a text in quotes"),
    "string_pattern_mismatch": N_("must match {pattern}"),
    "string_too_short": N_("must have at least {min_length} characters"),
    "string_too_long": N_("must have at most {max_length} characters"),
    "path_type": N_("must be a path in quotes"),
    "tuple_type": N_("must be a list in brackets"),
    "list_type": N_("must be a list in brackets"),
    "set_type": N_("must be a list in brackets"),
    "frozen_set_type": N_("must be a list in brackets"),
    "iterable_type": N_("must be a list in brackets"),
    "too_short": N_("must have at least {min_length} items"),
    "too_long": N_("must have at most {max_length} items"),
    "dict_type": N_("must be a table"),
    "mapping_type": N_("must be a table"),
    "model_type": N_("must be a table"),
    "model_attributes_type": N_("must be a table"),
    "dataclass_type": N_("must be a table"),
    "literal_error": N_("must be one of {expected}"),
    "enum": N_("must be one of {expected}"),
    "greater_than": N_("must be over {gt}"),
    "greater_than_equal": N_("must be at least {ge}"),
    "less_than": N_("must be under {lt}"),
    "less_than_equal": N_("must be at most {le}"),
    "multiple_of": N_("must be a multiple of {multiple_of}"),
    "none_required": N_("must be left out"),
    "time_type": N_("must be a time of day"),
    "time_parsing": N_("must be a time of day"),
    "date_type": N_("must be a date"),
    "date_parsing": N_("must be a date"),
    "date_from_datetime_parsing": N_("must be a date"),
    "datetime_type": N_("must be a date and a time"),
    "datetime_parsing": N_("must be a date and a time"),
    "datetime_from_date_parsing": N_("must be a date and a time"),
    "time_delta_type": N_("must be a duration with its unit"),
    "time_delta_parsing": N_("must be a duration with its unit"),
}
"""By pydantic's error type; what is in braces is in the error's context."""


def half_sentence(detail: ErrorDetails) -> str:
    """What is wrong with a value, in the operator's language where the type of error is known.

    Args:
        detail: one of `ValidationError.errors()`.
    """
    known, context = _WORDS.get(detail["type"]), dict(detail.get("ctx", {}))
    if isinstance(expected := context.get("expected"), str):
        context["expected"] = expected.replace(" or ", ", ")  # pydantic's own English between the last two
    if known is not None:
        with contextlib.suppress(
            LookupError
        ):  # a rollback's own reading comes here: no version of pydantic may break it
            return clean(_(known).format(**context), 200)
    inner = context.get("error")
    message = str(inner) if isinstance(inner, ValueError) else detail["msg"]  # one of ours, already in words
    return clean(message[:1].lower() + message[1:], 200)
