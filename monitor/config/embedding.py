"""Whether texts are embedded, and by what: static word embeddings, or an endpoint that speaks OpenAI's protocol."""

from importlib.util import find_spec
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from monitor.config.base import Model


def web(url: str) -> str:
    """A base URL without the slash at its end. Raises ValueError for what is none, or holds a secret."""
    if "@" in url:
        raise PydanticCustomError("hidden", "expected a URL without a user or password; a key belongs into api_key")
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return url.rstrip("/")
    except ValueError:  # half an IPv6 address, a port that is no number
        pass
    raise ValueError("expected a URL that begins with https:// or http://")


class Embeddings(Model):
    """Static word embeddings where no endpoint is given."""

    endpoint: Annotated[str, AfterValidator(web)] | None = Field(
        default=None, description="base URL of an OpenAI-compatible service, up to /v1; texts are sent there"
    )
    model: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    api_key: SecretStr | None = None
    api_key_file: str | None = Field(default=None, description="a file that holds the key, in place of api_key")

    @model_validator(mode="after")
    def _whole(self) -> "Embeddings":
        if (self.endpoint is None) != (self.model is None):
            raise ValueError("endpoint and model belong together")
        if self.endpoint is None and self.api_key is not None:
            raise ValueError("api_key needs endpoint and model beside it")
        if self.endpoint is None and find_spec("wordllama") is None:
            raise ValueError("static embeddings need a package that is not installed; run pip install 'plumbline[embeddings]'")
        return self


def embeddings_or_none(section: Any) -> Any:
    """`off` (which YAML reads as false) is none, `static` is the section with its defaults."""
    return {} if section == "static" else None if section in ("off", False) else section
