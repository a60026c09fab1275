"""Reading the configuration again: what changed is said, what is wrong changes nothing."""

from pathlib import Path

import pytest

from monitor.config import Change, ConfigSource, InvalidConfigError

TOKEN = "tokens: [{name: a, token: 0123456789abcdef, roles: [read]}]"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "plumbline.yaml"


def reload(path: Path, before: str, after: str) -> tuple[ConfigSource, list[Change]]:
    path.write_text(before)
    source = ConfigSource.open(path, {})
    path.write_text(after)
    return source, source.reload()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("", "", []),
        ("", "retention: {panes: 90d}", []),
        ("", "retention: {panes: 30d}", ["retention.panes: 90d -> 30d"]),
        ("", "applications: {a: {slices: [model]}}", ["applications.a.slices: model, prompt_version -> model"]),
        (
            "applications: {a: {slices: [model]}}",
            "applications: {a: {slices: [model, tags.b]}}",
            ["applications.a.slices: model -> model, tags.b"],
        ),
        (TOKEN, TOKEN.replace("9", "8"), ["tokens.a.token: ********** -> **********"]),
        (TOKEN, TOKEN.replace("read", "admin"), ["tokens.a.roles: read -> admin"]),
        ("", "listen: 127.0.0.1:4001", ["listen: 127.0.0.1:4000 -> 127.0.0.1:4001 (takes effect at the next start)"]),
    ],
)
def test_a_reload_says_what_changed(path: Path, before: str, after: str, said: list[str]) -> None:
    _, changes = reload(path, before, after)
    assert [str(change) for change in changes] == said


def test_a_reload_takes_effect_but_for_what_needs_a_restart(path: Path) -> None:
    source, _ = reload(path, "", "content: full\nlisten: 127.0.0.1:4001\nstore: sqlite:///b.db")
    assert source.current.content == "full"
    assert source.current.listen.port == 4000
    assert source.current.store.get_secret_value() == "sqlite:///plumbline.db"
    assert {change.key for change in source.reload()} == {"listen", "store"}


@pytest.mark.parametrize("after", ["content: wrong", "a: [", "listen: 0.0.0.0:1"])
def test_a_file_that_is_wrong_changes_nothing(path: Path, after: str) -> None:
    path.write_text("content: full")
    source = ConfigSource.open(path, {})
    before = source.current
    path.write_text(after)
    with pytest.raises(InvalidConfigError):
        source.reload()
    assert source.current is before


def test_a_file_that_cannot_be_read_is_named(path: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigError, match=r"plumbline\.yaml: cannot be read: No such file"):
        ConfigSource.open(path, {})
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidConfigError, match="expected UTF-8"):
        ConfigSource.open(path, {})
    with pytest.raises(InvalidConfigError, match="cannot be read: Is a directory"):
        ConfigSource.open(tmp_path, {})
