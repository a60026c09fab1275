"""JSON Schema of plumbline.yaml, for editors."""

from typing import Any

from monitor.config.duration import PATTERN, format_duration
from monitor.config.evaluations import score_names
from monitor.config.models import Config

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def config_schema() -> dict[str, Any]:
    """The schema as a file says it: durations as text, `default` in place of null, a secret or its file."""
    schema = Config.model_json_schema()
    for section in (schema, *schema["$defs"].values()):
        for key, entry in section.get("properties", {}).items():
            entry.pop("title", None)
            _as_written(key, entry)
        _secret_or_file(section)
    defaults = Config()
    schema["properties"]["store"]["default"] = defaults.store.get_secret_value()
    schema["properties"]["listen"]["default"] = str(defaults.listen)
    schema["properties"]["listen_worker"]["default"] = str(defaults.listen_worker)
    return {"$schema": DIALECT, **schema}


def _as_written(key: str, entry: dict[str, Any]) -> None:
    default = entry.get("default")
    if entry.get("pattern") == PATTERN and isinstance(default, int):
        entry["default"] = format_duration(default)
    if entry.get("items", {}).get("pattern") == PATTERN and default:
        entry["default"] = [format_duration(value) for value in default]
    if key in ("signals", "rules"):
        entry["anyOf"] = [{"const": "default"} if kind == {"type": "null"} else kind for kind in entry["anyOf"]]
        entry["default"] = "default"
    if key == "evaluations":
        entry["items"] = {"anyOf": [{"enum": list(score_names())}, entry["items"]]}
        entry["default"] = [one["score"] for one in entry["default"]]
    if key == "tls":
        entry["anyOf"].append({"type": "boolean"})
    if key == "embeddings":
        entry["anyOf"] = [{"enum": ["off", "static", False]} if kind == {"type": "null"} else kind for kind in entry["anyOf"]]
        entry["default"] = "off"


def _secret_or_file(section: dict[str, Any]) -> None:
    for key in list(section.get("required", ())):
        if f"{key}_file" in section["properties"]:
            section["required"].remove(key)
            section["oneOf"] = [{"required": [key]}, {"required": [f"{key}_file"]}]
