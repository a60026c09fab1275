"""Embeddings of a sample: who is in it, what texts become, and what does not depend on the batch."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from records.columns import Columns
from records.summary.vectors import DIMENSIONS, VectorMoments
from signals.embedding import CHARACTERS, NAMES, SAMPLED, Sampled, chosen, measure, places
from signals.embedding.novelty import ENOUGH, known, novelty
from signals.embedding.projection import project, unit
from signals.embedding.static import static_words

TEXTS = [
    "How do I reset my password?",
    "I forgot my password, how can I change it?",
    "The recipe needs two eggs and some flour.",
    "日本語のテキスト",
    "a" * 5_000,
    "\x00\u202e",
]


def everything(name: str) -> bool:
    return True


def measured(
    prompts: Sequence[str | None],
    responses: Sequence[str | None],
    embed: Callable[[Sequence[str]], NDArray[np.float64]] | None = None,
    rows: Sequence[int] | None = None,
    wanted: Callable[[str], bool] = everything,
) -> Columns:
    out = Columns(len(prompts))
    frame = pl.DataFrame({"prompt": prompts, "response": responses}, {"prompt": pl.String, "response": pl.String})
    mine = np.arange(len(prompts), dtype=np.int32) if rows is None else np.array(rows, np.int32)
    measure(frame, Sampled(embed or static_words(), mine), wanted, out)
    return out


def test_static_words_are_the_mean_of_their_tokens_vectors() -> None:
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    spec = find_spec("wordllama")
    assert spec is not None and spec.submodule_search_locations
    home = Path(spec.submodule_search_locations[0])
    vectors = load_file(home / "weights" / "l2_supercat_256.safetensors")["embedding.weight"].astype(np.float64)
    tokenizer = Tokenizer.from_file(str(home / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    for text, found in zip(TEXTS, unit(static_words()(TEXTS)), strict=True):
        mean = vectors[tokenizer.encode(text, add_special_tokens=False).ids].mean(axis=0)
        np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-12)


def test_texts_of_one_topic_are_closer_than_those_of_two() -> None:
    columns = measured([TEXTS[0], TEXTS[0]], [TEXTS[1], TEXTS[2]])
    same, other = columns.numeric["similarity"].tolist()
    assert same > 0.7 and other < 0.2  # golden: 0.745 and 0.089 by wordllama 0.4.0's own pooling


def test_what_has_no_embedding_is_missing() -> None:
    columns = measured(["Hello", None, "", "Hello", "Hello"], ["Hi", "Hi", "Hi", None, "Hello"], rows=[0, 1, 2, 3])
    assert columns.vector["prompt.embedding"].rows.tolist() == [0, 3]
    assert columns.vector["response.embedding"].rows.tolist() == [0, 1, 2]
    assert np.isfinite(columns.numeric["similarity"]).tolist() == [True, False, False, False, False]
    assert "response.novelty" not in columns.numeric


POISON = [[np.nan] * 4, [np.inf, 0, 0, 0], [1e308] * 4, [0.0] * 4, [5e-324] * 4]


@pytest.mark.parametrize("row", POISON)
def test_an_embedding_that_cannot_be_is_none(row: list[float]) -> None:
    columns = measured(["a", "b"], ["c", "d"], lambda texts: np.array([row, [1.0, 2, 3, 4]] * (len(texts) // 2)))
    assert columns.vector["prompt.embedding"].rows.tolist() == [1]
    assert columns.numeric["similarity"].tolist() == pytest.approx([np.nan, 1], nan_ok=True)


def test_the_cosine_of_a_text_with_itself_is_within_its_bounds() -> None:
    columns = measured(TEXTS, TEXTS)
    assert (columns.numeric["similarity"] <= 1).all() and (columns.numeric["similarity"] > 1 - 1e-9).all()


def test_of_a_text_the_beginning_is_embedded_and_nothing_else_is_handed_out() -> None:
    seen: list[str] = []

    def embed(texts: Sequence[str]) -> NDArray[np.float64]:
        seen.extend(texts)
        return np.ones((len(texts), 3))

    measured(["é" * 3_000, "not sampled"], [None, "nor this"], embed, rows=[0])
    assert seen == ["é" * CHARACTERS]
    measured(["one"], ["two"], embed, wanted=lambda name: name not in NAMES)
    assert len(seen) == 1


@settings(max_examples=20)
@given(st.permutations(TEXTS), st.integers(1, 5))
def test_an_embedding_does_not_depend_on_what_else_is_in_the_batch(texts: list[str], cut: int) -> None:
    def vectors(some: Sequence[str]) -> NDArray[np.float64]:
        return measured(some, some).vector["prompt.embedding"].values

    assert np.concatenate([vectors(texts[:cut]), vectors(texts[cut:])]).tobytes() == vectors(texts).tobytes()


@pytest.mark.parametrize("size", [8, 256, 1536])
def test_projecting_keeps_lengths_and_distances_on_average(size: int) -> None:
    values = unit(np.random.default_rng(size).normal(size=(400, size)))
    few = project(values)
    assert few.shape == (400, DIMENSIONS)
    assert (few**2).sum(axis=1).mean() == pytest.approx(1, abs=0.15)
    apart = ((few[::2] - few[1::2]) ** 2).sum(axis=1) / ((values[::2] - values[1::2]) ** 2).sum(axis=1)
    assert apart.mean() == pytest.approx(1, abs=0.15)


def test_the_projection_is_the_same_in_every_release() -> None:
    assert np.sign(project(np.eye(3))[:, :8]).astype(int).tolist() == SIGNS


SIGNS = [[-1, 1, -1, 1, 1, 1, 1, -1], [1, 1, -1, 1, 1, 1, -1, -1], [-1, 1, -1, -1, 1, -1, 1, -1]]


# -- the sample ------------------------------------------------------------------------------------------------------


def hashes(n: int, seed: int = 1) -> NDArray[np.uint64]:
    return np.random.default_rng(seed).integers(0, 2**64, n, np.uint64, endpoint=False)


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(0, 60), st.integers(1, 10))
def test_however_a_stream_is_cut_the_same_are_chosen(streams: list[int], cut: int, enough: int) -> None:
    codes, drawn, nothing = np.array(streams, np.int64), hashes(len(streams)), np.zeros(4, np.int64)
    whole = chosen(drawn, places(codes, nothing), enough)
    cut = min(cut, len(codes))
    first = chosen(drawn[:cut], places(codes[:cut], nothing), enough)
    before = np.bincount(codes[:cut], minlength=4)
    then = chosen(drawn[cut:], places(codes[cut:], before), enough) + cut
    assert [*first.tolist(), *then.tolist()] == whole.tolist()
    assert not nothing.any()


@pytest.mark.parametrize(("n", "low", "high"), [(0, 0, 0), (256, 256, 256), (1_000, 560, 660), (10_000, 1_090, 1_290)])
def test_the_first_are_chosen_for_certain_and_then_ever_fewer(n: int, low: int, high: int) -> None:
    rows = chosen(hashes(n), np.arange(1, n + 1))
    assert low <= len(rows) <= high  # 256 (1 + ln(n / 256)) = 605, 1,194
    assert rows[: min(n, SAMPLED)].tolist() == list(range(min(n, SAMPLED)))


# -- novelty ---------------------------------------------------------------------------------------------------------


def moments_of(values: NDArray[np.float64]) -> VectorMoments:
    return VectorMoments(len(values), values.sum(axis=0), values.T @ values)


def test_novelty_is_the_mahalanobis_distance_from_the_reference() -> None:
    # second source: scipy.spatial.distance.mahalanobis
    from scipy.spatial.distance import mahalanobis

    rng = np.random.default_rng(3)
    reference = rng.normal(size=(500, DIMENSIONS)) @ rng.normal(size=(DIMENSIONS, DIMENSIONS))
    moments = moments_of(reference)
    what = known(moments)
    assert what is not None
    new = rng.normal(size=(5, DIMENSIONS))
    inverse = np.linalg.inv(moments.covariance())
    expected = [mahalanobis(row, reference.mean(axis=0), inverse) for row in new]
    np.testing.assert_allclose(novelty(new, what), expected, rtol=1e-9)
    assert (novelty(reference, what) ** 2).mean() == pytest.approx(DIMENSIONS, rel=0.01)


def test_a_reference_of_few_vectors_knows_nothing_and_one_of_constant_ones_is_no_trouble() -> None:
    assert known(moments_of(np.random.default_rng(1).normal(size=(ENOUGH - 1, DIMENSIONS)))) is None
    constant = known(moments_of(np.full((ENOUGH, DIMENSIONS), 0.25)))
    assert constant is not None
    assert np.isfinite(novelty(np.ones((1, DIMENSIONS)), constant)).all()
