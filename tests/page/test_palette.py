"""The palette of the style sheet. Second source of the contrast formula: WCAG 2.1, section 1.4.3 and its definitions."""

import re
from pathlib import Path

import pytest

import monitor.page

SHEET = (Path(monitor.page.__file__).parent / "static" / "app.css").read_text()
GROUNDS = ("bg", "surface", "sunken", "accent-soft", "warning-tint")
PAIRS = [(text, ground) for text in ("text", "text-2") for ground in GROUNDS]
PAIRS += [("text-3", "bg"), ("text-3", "surface"), ("text-3", "sunken")]
PAIRS += [("accent", "bg"), ("accent", "surface"), ("accent", "accent-soft"), ("on-accent", "accent")]
PAIRS += [("critical", "surface"), ("critical", "bg"), ("critical", "critical-tint")]
PAIRS += [("warning", "surface"), ("warning", "bg"), ("warning", "warning-tint")]


def palettes() -> dict[str, dict[str, str]]:
    """Both schemes as name to colour; dark overrides light."""
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part)) for part in SHEET.split("prefers-color-scheme: dark")[:2]
    )
    return {"light": light, "dark": {**light, **dark}}


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_every_ground_by_at_least_4_5(scheme: str) -> None:
    palette = palettes()[scheme]
    weak = {}
    for text, ground in PAIRS:
        low, high = sorted((luminance(palette[text]), luminance(palette[ground])))
        contrast = (high + 0.05) / (low + 0.05)
        if contrast < 4.5:
            weak[text, ground] = round(contrast, 2)
    assert len(PAIRS) == 23
    assert weak == {}


def test_both_schemes_name_the_same_colours() -> None:
    light, dark = (set(re.findall(r"--([\w-]+): #", part)) for part in SHEET.split("prefers-color-scheme: dark")[:2])
    assert light == dark
