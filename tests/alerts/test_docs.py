"""The documentation's code runs."""

import re
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()


def test_every_python_block_of_the_page_on_alerts_runs() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", TEXT, re.S | re.M)
    assert len(blocks) == 3
    exec("\n".join(blocks), {})
