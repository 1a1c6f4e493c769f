"""The macros that pages and questions share with the models, so that a rule about figures is written once."""

from functools import cache
from pathlib import Path

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

SHARED = ("known_usd",)
"""Each is plain SQL, in a file of its name, and calls nothing of dbt's."""
_FOLDER = Path(__file__).resolve().parents[2] / "macros"


class MacroError(Exception):
    """A query uses Jinja that it may not use; the text says what is wrong."""


def rendered(sql: str) -> str:
    """Return a query with its macros written out. Raises MacroError where it uses any other."""
    if "{{" not in sql and "{%" not in sql:
        return sql
    try:
        return _ENVIRONMENT.from_string(sql).render(_macros())
    except TemplateError as error:
        raise MacroError(f"{error}; a query may use {', '.join(SHARED)}") from None
    except TypeError as error:
        raise MacroError(str(error)) from None


@cache
def _macros() -> dict[str, object]:
    return {
        name: getattr(_ENVIRONMENT.from_string((_FOLDER / f"{name}.sql").read_text()).module, name)
        for name in SHARED
    }


_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
