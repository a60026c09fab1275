"""Whether whole days are compared over all signals at once, and what that may cost."""

from importlib.util import find_spec
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from monitor.config.base import Model
from monitor.config.duration import MINUTE, Duration

PACKAGE = "nannyml"


def estimation_or_none(section: Any) -> Any:
    """`estimation: on` is the defaults, `off` none."""
    return {} if section is True else None if section is False else section


def _whole(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("expected a number")
    return value


class Estimation(Model):
    """How NannyML runs: once a day and application, in a process of its own."""

    python: Annotated[str, StringConstraints(min_length=1)] | None = Field(
        default=None, description="the interpreter that has plumbline[estimation], where it is not the one that runs"
    )
    memory: Annotated[int, BeforeValidator(_whole), Field(ge=512, description="MiB that it may use")] = 2048
    timeout: Duration = 15 * MINUTE

    @model_validator(mode="after")
    def _installed(self) -> "Estimation":
        if self.python is None and find_spec(PACKAGE) is None:
            raise ValueError(
                f"this needs {PACKAGE}; run pip install 'plumbline[estimation]' (Python below 3.13), "
                "or give python, an interpreter that has it"
            )
        return self
