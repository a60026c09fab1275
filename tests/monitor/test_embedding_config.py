"""The `embeddings` key: off, static or an endpoint, in the file and in the environment."""

from pathlib import Path

import pytest

from monitor.config.embedding import Embeddings
from monitor.config.loader import parse
from monitor.config.schema import config_schema
from monitor.config.source import changes_between
from records.errors import ConfigError

SECRET = "sk-hunter2hunter2hunter2"
ENDPOINT = "endpoint: 'http://127.0.0.1:8080/v1/', model: small"


def read(section: str, **environ: str) -> Embeddings | None:
    return parse(f"applications: {{support: {section}}}", "p.yaml", environ).application("support").embeddings


@pytest.mark.parametrize("section", ["{}", "{embeddings: off}", "{embeddings: 'off'}", "{embeddings: false}", "{embeddings: }"])
def test_no_text_is_embedded_unless_a_file_says_so(section: str) -> None:
    assert read(section) is None


def test_static_words_and_an_endpoint_are_read() -> None:
    assert read("{embeddings: static}") == Embeddings()
    found = read(f"{{embeddings: {{{ENDPOINT}, api_key: {SECRET}}}}}")
    assert found is not None and found.api_key is not None
    assert (found.endpoint, found.model, found.api_key.get_secret_value()) == ("http://127.0.0.1:8080/v1", "small", SECRET)
    assert SECRET not in f"{found!r}{found}{found.model_dump()}"


def test_every_key_can_come_from_the_environment_and_the_secret_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"{SECRET}\n")
    prefix = "PLUMBLINE_APPLICATIONS__SUPPORT__EMBEDDINGS"
    keys = {f"{prefix}__ENDPOINT": "https://a/v1", f"{prefix}__MODEL": "m", f"{prefix}__API_KEY_FILE": str(path)}
    found = read("{}", **keys)
    assert found is not None and found.api_key is not None and found.api_key.get_secret_value() == SECRET
    assert read("{}", **{prefix: "static"}) == Embeddings()
    assert read("{embeddings: static}", **{prefix: "off"}) is None


WRONG = [
    ("on", "embeddings"),
    ("fast", "embeddings"),
    ("{endpoint: 'http://a/v1'}", "endpoint and model belong together"),
    ("{model: m}", "endpoint and model belong together"),
    (f"{{api_key: {SECRET}}}", "api_key needs endpoint and model beside it"),
    ("{endpoint: 'ftp://a', model: m}", "endpoint: expected a URL that begins with https:// or http://"),
    ("{endpoint: 'http://[::1', model: m}", "endpoint: expected a URL that begins with https:// or http://"),
    (f"{{endpoint: 'http://u:{SECRET}@a/v1', model: m}}", "without a user or password"),
]


@pytest.mark.parametrize(("value", "message"), WRONG)
def test_a_wrong_value_is_refused_without_the_secret(value: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(f"{{embeddings: {value}}}")
    assert message in str(raised.value) and "p.yaml:1" in str(raised.value)
    assert SECRET not in str(raised.value)


def test_static_words_need_their_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.config.embedding.find_spec", lambda name: None)
    assert read(f"{{embeddings: {{{ENDPOINT}}}}}") is not None
    with pytest.raises(ConfigError, match=r"run pip install 'plumbline\[embeddings\]'"):
        read("{embeddings: static}")


def test_the_schema_and_a_reload_know_the_short_forms() -> None:
    entry = config_schema()["$defs"]["ApplicationConfig"]["properties"]["embeddings"]
    assert entry["default"] == "off" and {"enum": ["off", "static", False]} in entry["anyOf"]
    before, after = (parse(f"applications: {{a: {{embeddings: {value}}}}}", "p", {}) for value in ("off", f"{{{ENDPOINT}}}"))
    assert {change.key for change in changes_between(before, after)} >= {"applications.a.embeddings.endpoint"}
