"""Second source: the same definitions in plain Python, with str methods and re, a text at a time."""

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals import scan

SPACE = " \t\n\r\v\f"
CLOSING = "\"')]}*_’”"


def letters(run: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in run if not c.isascii() or c.isalnum())


def word_bucket(word: str) -> int:
    """The bucket under which the scan counts a word, whatever its case and punctuation."""
    (bucket,) = scan.scan(pl.Series([word]))[1].buckets.tolist()
    return int(bucket)


def chain(text: str, gap: int) -> int:
    """The most digits in a row with at most `gap` bytes between one and the next."""
    longest = length = 0
    last = -100
    for at, byte in enumerate(text.encode()):
        if 48 <= byte <= 57:
            length = length + 1 if at - last <= gap + 1 else 1
            longest, last = max(longest, length), at
    return longest if sum(c in "0123456789" for c in text) > 6 else 0


def sentences(text: str) -> int:
    found, opened = 0, False
    for block in re.split(r"(\n[ \t\r\v\f]*\n)", text):
        if block.count("\n") == 2 and not block.strip(SPACE):
            found += opened
            opened = False
            continue
        for line in block.split("\n"):
            for index, run in enumerate(re.findall(rf"[^{SPACE}]+", line)):
                opened = opened or bool(letters(run))
                marker = index == 0 and re.fullmatch(r"[-*+•]|[0-9]{1,3}[.)]", run)
                if opened and not marker and run.rstrip(CLOSING).endswith((".", "!", "?")):
                    found, opened = found + 1, False
    return found + opened


def count(text: str) -> dict[int, int]:
    runs = re.findall(rf"[^{SPACE}]+", text)
    words = [letters(run) for run in runs if letters(run)]
    trigrams = list(zip(words, words[1:], words[2:], strict=False))
    lines = [line.strip(SPACE) for line in text.split("\n")]
    ascii_letters = [c for c in text if c.isascii() and c.isalpha()]
    return {
        scan.CHARACTERS: len(text),
        scan.WORDS: len(words),
        scan.SENTENCES: sentences(text),
        scan.LINES: sum(bool(line) for line in lines),
        scan.LIST_MARKERS: sum(bool(re.match(rf"([-*+•]|[0-9]{{1,3}}[.)])([{SPACE}]|$)", line)) for line in lines),
        scan.BOLD_MARKERS: text.count("**"),
        scan.CODE_FENCES: text.count("```"),
        scan.DISTINCT: len(set(words)),
        scan.REPEATED: len(trigrams) - len(set(trigrams)),
        scan.COMPARED: len(words),
        scan.TRIGRAMS: len(trigrams),
        scan.LETTERS: sum(not c.isascii() or c.isalnum() for c in text),
        scan.DIGITS: sum(c in "0123456789" for c in text),
        scan.UPPER: sum(c.isupper() for c in ascii_letters),
        scan.CASED: len(ascii_letters),
        scan.NON_ASCII: sum(not c.isascii() for c in text),
        scan.PUNCTUATION: sum(c.isascii() and c.isprintable() and not c.isalnum() and c != " " for c in text),
        scan.QUESTION_MARKS: text.count("?"),
        scan.EXCLAMATION_MARKS: text.count("!"),
        scan.AT_SIGNS: text.count("@"),
        scan.PHONE_DIGITS: chain(text, 2),
        scan.CARD_DIGITS: chain(text, 1),
    }


HAND_MADE = {
    "empty": "",
    "white space only": " \n\t \r\n",
    "one word": "word",
    "a sentence": "Plumb lines hang straight.",
    "two sentences and a fragment": 'He said "stop!" Then it went on... and on',
    "an ordered list": "Steps:\n1. First do this.\n2) Then that\n10. Done",
    "bullets": "- one\n* two\n+ three\n• four\n-five\n\n  - six",
    "bold and code": "**Bold** and ***more***\n```py\nx = 1\n```\n````",
    "repetition": "I can help. I can help. I can help. I can help.",
    "numbers": "A total of 1,234.50 (or 12-34) was paid; call +44 20 7946 0958 or 4111 1111 1111 1111",
    "other scripts": "Größe 東京都 привет мир — “quoted.” fin",
    "emoji": "Great 🎉🎉! Really?",
    "nul and controls": "a\x00b \x01\x02 c\x7f",
    "decimals are no ends": "It costs 3.14 today. Or 2.71",
    "blank lines end sentences": "A heading\n\nA text without an end\n \nLast",
    "only punctuation": "... !!! ???",
    "an address": "mail a@b.example and @me",
    "crlf": "one\r\ntwo\r\n\r\nthree",
}


@pytest.mark.parametrize("text", HAND_MADE.values(), ids=HAND_MADE.keys())
def test_a_hand_made_text_counts_as_plain_python_counts(text: str) -> None:
    counts, words = scan.scan(pl.Series([text]))
    assert dict(enumerate(counts[0].tolist())) == count(text)
    assert sorted(words.buckets.tolist()) == sorted(
        {word_bucket(letters(run)) for run in re.findall(rf"[^{SPACE}]+", text) if letters(run)}
    )


PIECES = st.sampled_from(
    (
        *["the", "The", "cat", "sat.", "on!", '"mat?"', "\n", "\n\n", "- ", "1. ", "12) ", "**", "***", "```", "``", "@", " "],
        *["  ", "\t", "é", "東", "’", "”", "🎉", "\x00", "555-1234", "(020) ", "3.14", "’s", "•", "...", "\u00a0", "_", "]"],
    )
)
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=6), st.just(" ")), max_size=40).map("".join)


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXTS, max_size=6))
def test_generated_texts_count_as_plain_python_counts(texts: list[str]) -> None:
    counts, words = scan.scan(pl.Series(texts, dtype=pl.String))
    for row, text in enumerate(texts):
        assert dict(enumerate(counts[row].tolist())) == count(text), text
        runs = {letters(run) for run in re.findall(rf"[^{SPACE}]+", text)} - {""}
        assert sorted(words.buckets[words.rows == row].tolist()) == sorted({word_bucket(run) for run in runs})
    assert (np.diff(words.rows) >= 0).all()


def test_a_text_of_ten_megabytes_counts_all_but_compares_only_its_first_words() -> None:
    text = " ".join(f"w{number}" for number in range(1_400_000))
    counts, words = scan.scan(pl.Series(["before it", text, "after it"]))
    big = counts[1]
    assert big[scan.CHARACTERS] == len(text) > 10_000_000
    assert big[scan.WORDS] == 1_400_000
    assert big[scan.DISTINCT] == big[scan.COMPARED] == scan.WORD_LIMIT
    assert big[scan.REPEATED] == 0
    assert len(words.buckets) == len(set(zip(words.rows.tolist(), words.buckets.tolist(), strict=True)))
    assert counts[2, scan.WORDS] == 2


@pytest.mark.parametrize("text", ["x" * 10_000_000, "\n" * 10_000_000, "é" * 5_000_000, "?" * 5_000_000])
def test_one_huge_run_is_counted_whole(text: str) -> None:
    counts, _ = scan.scan(pl.Series([text]))
    assert counts[0, scan.CHARACTERS] == len(text)
    assert counts[0, scan.WORDS] == (text[0] in "xé")


def test_a_word_has_the_same_bucket_in_every_release() -> None:
    assert [word_bucket(word) for word in ("refund", "Refund!", "größe", "1")] == [5734, 5734, 5242, 7601]


def test_what_is_no_word_has_no_bucket() -> None:
    assert scan.scan(pl.Series(["..."]))[1].buckets.tolist() == []
