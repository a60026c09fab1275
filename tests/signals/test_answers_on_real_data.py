import gzip
import json
from pathlib import Path

import pytest

from signals.evaluation import score_answers

DATA = Path(__file__).parents[3] / "shared" / "data" / "gsm8k_models.jsonl.gz"


@pytest.mark.skipif(not DATA.exists(), reason=f"{DATA.name} is not here")
def test_numeric_match_agrees_with_the_graders_of_real_maths_answers() -> None:
    with gzip.open(DATA) as lines:
        rows = [json.loads(line) for line in lines]
    match = score_answers([row["response"] for row in rows], [row["reference_answer"] for row in rows])["numeric_match"]
    assert match.tolist() == [float(row["tags"]["is_correct"]) for row in rows]
