"""What all configuration models share: frozen, nothing unknown, secrets from files, null means the default."""

import ipaddress
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

LATER = "not available yet in this version"


class Model(BaseModel):
    """A configuration section. `planned` names keys of the contract that this version refuses with their own message."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True)
    planned: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: Any) -> Any:
        """An empty section is the default; `x_file` stands for the content of that file as `x`."""
        if data is None:
            return {}
        if not isinstance(data, dict):
            return data
        keys = cls.annotations()
        data = {key: value for key, value in data.items() if value is not None or key not in keys}
        for key in [key for key in keys if key.endswith("_file") and key in data]:
            secret = key.removesuffix("_file")
            if secret in data:
                raise PydanticCustomError("secret_file", f"expected either {secret} or {key}, not both", {"key": key})
            data[secret] = _read_secret(key, data.pop(key))
        return data

    @classmethod
    def annotations(cls) -> dict[str, Any]:
        """The keys as written in the file, each with its annotation."""
        return {field.alias or name: field.annotation for name, field in cls.model_fields.items()}


def _read_secret(key: str, path: Any) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, TypeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a readable text file"
        raise PydanticCustomError("secret_file", f"expected a readable file: {reason}", {"key": key}) from None
    if not text:
        raise PydanticCustomError("secret_file", "expected a file with the secret in it, it is empty", {"key": key})
    return text


class Address(NamedTuple):
    """Where to listen. `host` is a name or an IP address without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: Any) -> Address:
    """host:port of 127.0.0.1:4000, [::1]:4000 or localhost:4000. Raises ValueError."""
    if isinstance(text, Address):
        return text
    host, _, port = str(text).rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not bare or not port.isdecimal() or int(port) > 65535 or (":" in bare) != host.startswith("["):
        raise ValueError("expected host:port, such as 127.0.0.1:4000 or [::1]:4000")
    return Address(bare, int(port))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
