"""The demonstration, ten times: its three incidents are found, by the right signal in the right slice, and little else."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

SEEDS = range(1, 11)
SLICES = {
    "silent model change": "model=atlas-large",
    "topic change": "tenant=globex",
    "refusals and errors": "tenant=initech",
}


def demo(seed: int) -> str:
    program = Path(sys.executable).with_name("plumbline")
    command = [str(program), "--log-level", "error", "demo", "--fast", "--port", "0", "--seed", str(seed)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=1500).stdout


@pytest.mark.faults
def test_ten_demos_find_their_incidents_in_the_right_slice_and_raise_little_before() -> None:
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(demo, SEEDS))
    before = 0
    right = []
    for seed, text in zip(SEEDS, told, strict=True):
        assert "incidents found: 3 of 3" in text, (seed, text)
        before += int(re.findall(r"alarms before the first incident: (\d+)", text)[0])
        for name, where in SLICES.items():
            [sentence] = re.findall(rf"^{name}: found at .*$", text, re.MULTILINE)
            right.append(where in sentence)
    assert before <= 2
    assert sum(right) >= 27, "the sentence of at least nine in ten alerts names the slice where it happened"
