import re
from pathlib import Path

from records.decoding_fields import FEEDBACK_FIELDS, INTERACTION_FIELDS
from records.refusal import REASONS

PAGE = (Path(__file__).parents[2] / "docs" / "records.md").read_text()


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """The names in the first cells of a section's table."""
    cells = [row.split("|")[1] for row in text.splitlines() if row.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_the_page_names_every_field_and_no_other() -> None:
    assert sorted(first_cells(section("An interaction"))) == sorted(INTERACTION_FIELDS)
    assert sorted(first_cells(section("Feedback"))) == sorted(FEEDBACK_FIELDS)


def test_the_page_says_of_every_reason_what_the_code_says() -> None:
    for reason, meaning in REASONS.items():
        assert f"| `{reason}` | {meaning} |" in section("What is refused")
    assert first_cells(section("What is refused")) == list(REASONS)
