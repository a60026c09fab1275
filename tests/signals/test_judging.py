"""What a judge is asked, how its answer is read, and who is in the sample."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.evaluation.judging import (
    Rubric,
    Shown,
    Texts,
    bound_tokens,
    chosen,
    messages,
    read_completion,
    response_format,
)

NUMBERS = Rubric("Is it of help?", (1.0, 5.0))
LABELS = Rubric("Is it true?", ("false", "unsure", "true"))
NONCE = "0123456789abcdef"


def reply(content: str | None, **more: object) -> bytes:
    message = {"content": content} | more
    return msgspec.json.encode({"choices": [{"message": message, "finish_reason": "stop"}]})


@given(st.text(), st.text(), st.lists(st.text(), max_size=3), st.none() | st.text())
def test_the_judged_texts_stand_unchanged_between_their_markers_and_nowhere_else(
    prompt: str, response: str, context: list[str], answer: str | None
) -> None:
    texts = Texts(prompt, response, tuple(context), answer)
    system, data = messages(NUMBERS, texts, NONCE)
    assert system == messages(NUMBERS, Texts("a", "b"), NONCE)[0]
    rest = data["content"]
    for name, text in texts.parts():
        before, found, rest = rest.partition(f"<<<{NONCE} {name}>>>\n{text}\n<<<{NONCE} end {name}>>>\n")
        assert found and before in ("", f"CODE is {NONCE}.\n")
    assert rest == "Judge the response."


def test_examples_are_turns_of_the_same_form_and_the_rubric_and_scale_are_in_the_instructions() -> None:
    rubric = Rubric("Is it of help?", (1.0, 5.0), (Shown(Texts("p", "r"), 2.0, "No."),))
    system, shown, answer, data = messages(rubric, Texts("p", "r"), NONCE)
    assert [message["role"] for message in (system, shown, answer, data)] == ["system", "user", "assistant", "user"]
    assert shown["content"] == data["content"]
    assert msgspec.json.decode(answer["content"]) == {"reason": "No.", "score": 2.0}
    assert "Is it of help?" in system["content"] and "from 1 (worst) to 5 (best)" in system["content"]
    assert "false, unsure, true" in messages(LABELS, Texts("p", "r"), NONCE)[0]["content"]


def test_the_schema_admits_the_scale_and_nothing_else() -> None:
    numbers, labels = (response_format(r)["json_schema"]["schema"] for r in (NUMBERS, LABELS))
    assert numbers["properties"]["score"] == {"type": "number", "minimum": 1.0, "maximum": 5.0}
    assert labels["properties"]["score"] == {"type": "string", "enum": ["false", "unsure", "true"]}
    assert numbers["required"] == ["reason", "score"] and not numbers["additionalProperties"]


@given(st.floats(1, 5))
def test_a_number_within_the_scale_is_a_score_from_0_to_1(score: float) -> None:
    verdict = read_completion(NUMBERS, reply(msgspec.json.encode({"score": score, "reason": "x"}).decode()))
    assert (verdict.outcome, verdict.score) == ("judged", (score - 1) / 4)


def test_a_scale_may_fall_and_a_code_block_may_stand_around_an_answer() -> None:
    falling = Rubric("How wrong is it?", (10.0, 0.0))
    assert read_completion(falling, reply('{"score": 10}')).score == 0.0
    assert read_completion(falling, reply('```json\n{"score": 1}\n```')).score == pytest.approx(0.9)
    assert read_completion(LABELS, reply('```{"score": "unsure"}```')).score == 0.5


@given(st.text() | st.sampled_from(['{"score": 3', "3", '{"score": null}', '{"score": [3]}', '{"scores": 3}', "null", "{}"]))
def test_what_is_not_one_score_is_none(content: str) -> None:
    assert read_completion(NUMBERS, reply(content)).score is None
    assert read_completion(LABELS, reply(content)).score is None


@given(st.binary())
def test_no_bytes_are_too_odd_to_be_read(body: bytes) -> None:
    assert read_completion(NUMBERS, body).outcome == "malformed"


def test_an_answer_that_was_cut_off_says_so_and_what_was_spent_is_known_all_the_same() -> None:
    body = {"choices": [{"message": {"content": '{"reason": "It'}, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 300}}  # fmt: skip
    verdict = read_completion(NUMBERS, msgspec.json.encode(body))
    assert (verdict.outcome, verdict.input_tokens, verdict.output_tokens) == ("truncated", 7, 300)


def test_texts_have_one_key_for_one_definition() -> None:
    texts, other = Texts("a", "b"), Texts("a", None, ("b",))
    assert texts.key("1") == Texts("a", "b").key("1") != texts.key("2")
    assert other.key("1") != texts.key("1")
    assert NUMBERS.definition("m") != LABELS.definition("m") != LABELS.definition("n")


@given(st.lists(st.integers(0, 2**64 - 1), max_size=50), st.floats(0.01, 1), st.floats(0.01, 1))
def test_the_sample_depends_on_each_id_alone_and_a_larger_one_holds_a_smaller_one(ids: list[int], a: float, b: float) -> None:
    hashes = np.array(ids, np.uint64)
    one = np.array([bool(chosen(hashes[i : i + 1], a)[0]) for i in range(len(ids))], np.bool_)
    assert chosen(hashes, a).tolist() == one.tolist()
    small, large = chosen(hashes, min(a, b)), chosen(hashes, max(a, b))
    assert not (small & ~large).any()


def test_the_sample_has_its_share_whatever_the_ids() -> None:
    for hashes in (np.arange(100_000, dtype=np.uint64), np.arange(100_000, dtype=np.uint64) << np.uint64(40)):
        assert chosen(hashes, 0.05).mean() == pytest.approx(0.05, abs=0.003)
    assert chosen(np.arange(10, dtype=np.uint64), 1.0).all()


@given(st.lists(st.text(), max_size=5))
def test_the_bound_of_tokens_is_a_token_for_each_byte(texts: list[str]) -> None:
    """Second source: byte-level BPE (Sennrich et al. 2016; GPT-2) begins with single bytes and only merges."""
    assert bound_tokens(texts) >= sum(len(text.encode()) for text in texts)
