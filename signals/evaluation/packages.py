"""What a score imports, and only where it is asked for."""

from importlib.util import find_spec

from records.errors import ConfigError


def require(score: str, package: str, extra: str) -> None:
    """ConfigError where the package is not installed; `extra` is where it comes from."""
    if package and find_spec(package) is None:
        raise ConfigError(f"{score} needs a package that is not installed; run pip install 'plumbline[{extra}]'")
