"""Scores without a reference: what each tells apart on labelled rows, and what they cost on one core.

    POLARS_MAX_THREADS=1 python -m bench.evaluation [--passes 5]

Rows are those of ../shared/data. AUC is the chance that a right answer scores above a made-up one. Cost is CPU time of the
process, which pins itself to one core; the best pass counts.
"""

import argparse
import gzip
import json
import os
import time
from collections.abc import Collection, Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.grounding import Row, auc, frame, interval, matched, rows, swapped, words
from bench.scenarios import DATA, scenarios, select
from records.columns import Columns
from signals.agent import Tool
from signals.embedding import Sampled
from signals.embedding import measure as embed
from signals.embedding.static import static_words
from signals.evaluation.format import Format
from signals.evaluation.grounding import WORDS, Passages, share, support
from signals.evaluation.reference_free import FREE, NOTHING, OF_EMBEDDINGS, REFERENCE_FREE, Expected, Given, measure

Floats = NDArray[np.float64]
SUPPORT = ("groundedness", "number_support", "context_similarity")
ABOUT = ("context_overlap", "context_relevance", "answer_overlap", "answer_relevance")
SLOW = ("toxicity", "sentiment")
AT_ONCE = 8_192
"""Rows of a batch in the measurement of cost."""


def scored(batch: pl.DataFrame, names: Collection[str], expected: Expected = NOTHING) -> dict[str, Floats]:
    """Scores (n,) by name, every row embedded where one of them needs it."""
    out = Columns(len(batch))
    given = Given(batch, expected)
    if not OF_EMBEDDINGS.isdisjoint(names):
        sampled = Sampled(static_words(), np.arange(len(batch), dtype=np.int32))
        directions = embed(batch, sampled, lambda name: True, out)
        given = Given(batch, expected, sampled, directions, out.numeric["similarity"])
    measure(given, names, out)
    return {name: out.numeric[f"scores.{name}"] for name in names}


def single_words(batch: pl.DataFrame) -> Floats:
    """The share (n,) of an answer's content words that its one passage holds: what pairs are better than."""
    return share(support(batch["response"], Passages(np.arange(len(batch) + 1), batch["context"].explode())), WORDS)


def tell_support() -> Iterator[str]:
    """Right answers against made-up ones."""
    found = rows()
    good = np.array([row["tags"]["grounded"] for row in found])
    length = np.array([words(row) for row in found])
    right = [row for row in found if row["tags"]["grounded"]]
    batches = [frame(some) for some in (found, right, swapped(right))]
    every, own, other = ({"single content words": single_words(b), **scored(b, SUPPORT)} for b in batches)
    yield "| score | answers that have it | AUC | AUC at equal length (95 %) | AUC of own against other passages |"
    yield "|---|---|---|---|---|"
    yield f"| length alone, fewer words | {len(found)} | {auc(-length[good] * 1.0, -length[~good] * 1.0):.3f} | 0.500 | 0.500 |"
    for name, values in every.items():
        fair, (low, high) = matched(values, good, length).auc, interval(values, good, length)
        told = f"{auc(values[good], values[~good]):.3f} | {fair:.3f} ({low:.3f}-{high:.3f})"
        yield f"| {name} | {np.isfinite(values).sum()} | {told} | {auc(own[name], other[name]):.3f} |"
    both = np.isin(length, np.intersect1d(length[good], length[~good]))
    pairs = matched(every["single content words"], good, length).pairs
    numbers = matched(every["number_support"], good, length).pairs
    yield f"\n{good.sum()} right and {(~good).sum()} made-up answers. At equal length there are {pairs:,} pairs, of"
    yield f"{(good & both).sum()} and {(~good & both).sum()} of them; {numbers} pairs of answers with numbers."


def tell_relevance() -> Iterator[str]:
    """Own passages and answers against those of another question."""
    found = rows("right") + rows("hallucinated_one_turn")
    own, other = (scored(frame(some), ABOUT) for some in (found, swapped(found, ("context", "response"))))
    yield "\n| score | AUC, own against those of another question | mean, own | mean, other |"
    yield "|---|---|---|---|"
    for name in ABOUT:
        means = f"{np.nanmean(own[name]):.2f} | {np.nanmean(other[name]):.2f}"
        yield f"| {name} | {auc(own[name], other[name]):.3f} | {means} |"


def tell_agents() -> Iterator[str]:
    """Runs of agents that reached their goal against those that did not."""
    spec = scenarios()["agent_failure"]
    batches = [frame(select(spec[key])) for key in ("reference", "production_after")]
    steps = [batch["tool_calls"].list.len().cast(pl.Float64).to_numpy() for batch in batches]
    repeated = [scored(batch, ["repeated_calls"])["repeated_calls"] for batch in batches]
    yield "\n| runs of tau-bench, whose data mark no call as failed | mean, successful | mean, failed | AUC, less is better |"
    yield "|---|---|---|---|"
    for name, (good, bad) in {"tool_calls (steps)": steps, "repeated_calls": repeated}.items():
        yield f"| {name} | {np.nanmean(good):.3f} | {np.nanmean(bad):.3f} | {auc(-good, -bad):.3f} |"


def tell_tone() -> Iterator[str]:
    """How often what nobody complained of is flagged: answers to harmless questions."""
    yield "\n| answers | toxicity above 0.5 | sentiment below 0, above 0 | language of both known | unlike |"
    yield "|---|---|---|---|---|"
    for name in ("llmdrift_gpt35_gpt4", "halueval_general", "halueval_qa", "gsm8k_models", "tau_bench_turns"):
        found = scored(frame(read(name)), ("toxicity", "sentiment", "language_match"))
        toxic, kind, match = (values[np.isfinite(values)] for values in found.values())
        share_known = len(match) / len(found["language_match"])
        tone = f"{(toxic > 0.5).mean():.2%} | {(kind < 0).mean():.0%}, {(kind > 0).mean():.0%}"
        yield f"| {name} | {tone} | {share_known:.0%} | {(match == 0).sum()} of {len(match)} |"


def read(name: str) -> list[Row]:
    """All rows of a file."""
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt") as lines:
        return list(map(json.loads, lines))


def traffic() -> pl.DataFrame:
    """AT_ONCE interactions, mixed: short answers with the passages of five questions, long ones without, and agents' runs."""
    asked = read("halueval_qa")
    many = [{**row, "context": [o["context"][0] for o in asked[i : i + 5]]} for i, row in enumerate(asked)]
    mixed = many * 2 + read("llmdrift_gpt35_gpt4")[::2] + read("halueval_general") + read("tau_bench_episodes") * 3
    rng = np.random.default_rng(0)
    return frame([mixed[i] for i in rng.integers(0, len(mixed), AT_ONCE)])


def tell_cost(passes: int) -> Iterator[str]:
    """Microseconds an interaction of each score by itself, and of those that are stated together."""
    batch = traffic()
    called = batch["tool_calls"].explode().struct.field("name").drop_nulls().unique().to_list()
    form = Format('{"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}', None, 1, 4_000)
    expected = Expected(form, tuple(Tool(name, ("user_id", "order_id", "expression")) for name in sorted(called)))
    fast = [free.name for free in REFERENCE_FREE if free.name not in SLOW and free.name not in OF_EMBEDDINGS]

    def cost(names: list[str], declared: Expected) -> float:
        took = []
        for _ in range(passes):
            began = time.process_time()
            measure(Given(batch, declared), names, Columns(len(batch)))
            took.append(time.process_time() - began)
        return min(took) / len(batch) * 1e6

    prompt, response, context = batch.select(
        pl.col("prompt", "response").str.len_bytes().mean(), pl.col("context").list.join("").str.len_bytes().mean()
    ).row(0)
    grounded = 1 - batch["context"].null_count() / len(batch)
    yield f"\n{len(batch):,} rows: prompts of {prompt:.0f} bytes and answers of {response:.0f}, {grounded:.0%} with passages of"
    yield f"{context:,.0f}; {len(called)} tools declared.\n"
    yield "| score, by itself | us an interaction |"
    yield "|---|---|"
    for name in (*fast, *SLOW):
        declared = expected if FREE[name].declared else NOTHING
        only = declared._replace(tools=()) if name == "format" else declared._replace(form=None)
        yield f"| {name} | {cost([name], only):.1f} |"
    together = cost(fast, expected)
    yield f"| all but {' and '.join(SLOW)}, together | {together:.1f}: {1e6 / together:,.0f} interactions/s |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passes", type=int, default=5)
    passes = parser.parse_args().passes
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for lines in (tell_support(), tell_relevance(), tell_agents(), tell_tone(), tell_cost(passes)):
        for line in lines:
            print(line, flush=True)


if __name__ == "__main__":
    main()
