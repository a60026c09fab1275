"""plumbline db upgrade."""

from pathlib import Path

import pytest

from monitor.cli import run
from monitor.store import Store


def test_db_upgrade_makes_the_tables_and_is_safe_to_repeat(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plumbline.yaml"
    file.write_text(f"store: {url!r}\n")
    for _ in range(2):
        assert run(["db", "upgrade", "-c", str(file)]) == 0
        assert capsys.readouterr().out == "the database is at revision 0006\n"
    store = Store(url)
    store.check()
    store.close()
