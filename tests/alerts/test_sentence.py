"""What is said of a finding, in one sentence and at length, and how numbers are written."""

import math

import pytest

from alerts.numbers import change, clock, count, number, rfc3339, share
from alerts.sentence import explain, plain, sentence, until
from records.finding import CellReason, Finding, Reasons, SliceReason, WordReason
from tests.alerts.make import DAY, MINUTE, NOON, TITLES, finding

ACME = {"tags.tenant": "acme"}
WORDS = Reasons(before=96.0, after=148.0)
MODELS = Reasons(cells=[CellReason("gpt-y", 1.0, 0.6), CellReason("model gpt-x", 0.0, 0.4), CellReason("gpt-z", 0.01, 0.0)])
BUCKETS = Reasons(before=96.0, after=96.2, cells=[CellReason("800 to 1 200 words", 0.04, 0.19)])


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (
            finding(slice=ACME, reasons=WORDS),
            "Response words rose from 96 to 148 (median, +54 %) for tenant=acme since 11:30 UTC",
        ),
        (
            finding(signal="refusal", slice={"tags.tenant": "globex"}, reasons=Reasons(before=0.021, after=0.074)),
            "Refusals rose from 2.1 % to 7.4 % of calls for tenant=globex since 11:30 UTC",
        ),
        (
            finding(signal="unheard_of", reasons=Reasons(before=0.5, after=0.25, statistic="share")),
            "Unheard_of fell from 50 % to 25 % of calls since 11:30 UTC",
        ),
        (
            finding(signal="model", reasons=MODELS),
            "Model changed: gpt-x 0 % -> 40 %, gpt-y 100 % -> 60 % since 11:30 UTC",
        ),
        (
            finding(signal="tags.plan", reasons=Reasons(cells=[CellReason("tag plan free", 0.1, 0.4)])),
            "Tag plan changed: free 10 % -> 40 % since 11:30 UTC",
        ),
        (
            finding(signal="scores.rouge_l", reasons=Reasons(before=0.61, after=0.48, statistic="mean")),
            "Score rouge_l fell from 0.61 to 0.48 (mean, -21 %) since 11:30 UTC",
        ),
        (
            finding(signal="duration", reasons=Reasons(before=1.234, after=20.0, statistic="mean")),
            "Duration rose from 1.23 to 20 s (mean, ×16.2) since 11:30 UTC",
        ),
        (
            finding(signal="digit_share", reasons=Reasons(before=0.04, after=0.02)),
            "Digits in responses fell from 4 % to 2 % (median) since 11:30 UTC",
        ),
        (
            finding(reasons=Reasons(before=96.0, after=96.2)),
            "Response words rose from 96 to 96.2 (median, +0.21 %) since 11:30 UTC",
        ),
        (
            finding(reasons=BUCKETS),
            "Response words changed: 800 to 1 200 words 4 % -> 19 % since 11:30 UTC",
        ),
        (finding(), "Response words changed by 2.1 times the smallest change that counts since 11:30 UTC"),
        (finding(effect={}), "Response words changed since 11:30 UTC"),
        (
            finding(comparison="skew", baseline="reference evalset", since=NOON - 2 * DAY, reasons=WORDS),
            "Response words stood at 148 against 96 in evalset (median, +54 %) since 2025-11-19 12:00 UTC",
        ),
        (
            finding(comparison="cohort", baseline="cohort tags.tenant against rest", slice=ACME, reasons=WORDS),
            "Response words stood at 148 against 96 in the rest of tenant at the same time (median, +54 %) for tenant=acme "
            "since 11:30 UTC",
        ),
        (
            finding(comparison="cohort", baseline="cohort model b against a", reasons=BUCKETS),
            "Response words, unlike model=a at the same time: 800 to 1 200 words 4 % -> 19 % since 11:30 UTC",
        ),
        (
            finding(baseline="seasonal 7d x4", reasons=WORDS),
            "Response words rose from 96 to 148 (median, +54 %, against the same hour of 4 earlier weeks) since 11:30 UTC",
        ),
        (finding(verdict="no_data", signal="no_data"), "No data from support since 11:30 UTC"),
        (finding(verdict="no_data", slice=ACME), "No data from support for tenant=acme since 11:30 UTC"),
        (
            finding(verdict="no_data", slice={"tags.tenant": "a\n\x1b[31m\u202eb" + "c" * 200}),
            f"No data from support for tenant=a [31mb{'c' * 65}… since 11:30 UTC",
        ),
    ],
)
def test_a_sentence_says_what_changed_where_and_since_when(subject: Finding, expected: str) -> None:
    assert sentence(subject, TITLES) == expected


def test_an_end_has_its_date_only_on_another_day() -> None:
    assert until("It fell", NOON, NOON + MINUTE, withdrawn=False) == "It fell until 12:01 UTC"
    assert until("It fell", NOON, NOON + DAY, withdrawn=False) == "It fell until 2025-11-22 12:00 UTC"
    assert until("It fell", NOON, NOON, withdrawn=True) == "It fell (withdrawn: late data removed the evidence)"


def test_an_explanation_holds_effect_n_evidence_cells_and_exemplars() -> None:
    reasons = Reasons(cells=BUCKETS.cells, exemplars=["i-1", "i-2"], spoke="rank sum")
    assert explain(finding(slice=ACME, reasons=reasons, detectable=0.07)).split("\n") == [
        "response_words, tenant=acme: drift against trailing:7d since 2025-11-21 11:30 UTC",
        "effect js 0.18, smd 0.42 (2.1 times the floor)",
        "n 1\u202f200 against 50\u202f000",
        "evidence 31 of 9.4 decades, by rank sum",
        "smallest effect this n detects: 0.07",
        "800 to 1 200 words 4 % -> 19 %",
        "for example i-1, i-2",
    ]
    assert explain(finding(effect={})).split("\n")[0].startswith("response_words, all traffic: drift")


def test_an_explanation_holds_slices_and_words_that_came_with_it() -> None:
    reasons = Reasons(
        slices=[SliceReason({"tags.tenant": "acme"}, 0.736, 0.12, 0.3), SliceReason({"model": "m-2"}, 1.0, 0.0, 1.0)],
        risen=[WordReason("refund", "response", 0.003, 0.09), WordReason("sorry", "response", 0.01, 0.04),
               WordReason("money", "prompt", 0.0, 0.2)],
        fallen=[WordReason("thanks", "response", 0.5, 0.1)],
    )  # fmt: skip
    said = [
        "74 % of it vanishes without tenant=acme (12 % -> 30 % of calls)",
        "100 % of it vanishes without model=m-2 (0 % -> 100 % of calls)",
        "prompts more often: money 0 % -> 20 %",
        "responses more often: refund 0.3 % -> 9 %, sorry 1 % -> 4 %",
        "responses less often: thanks 50 % -> 10 %",
    ]
    assert explain(finding(reasons=reasons)).split("\n")[-5:] == said
    of_a_slice = explain(finding(slice=ACME, reasons=reasons)).split("\n")
    assert of_a_slice[-1] == "responses less often: thanks 50 % -> 10 % in all traffic"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (-0.0, "0"), (96.0, "96"), (148.25, "148"), (0.021349, "0.0213"), (2.10, "2.1"), (99.96, "100"),
        (999.6, "1\u202f000"), (1234.5, "1\u202f230"), (-1234567.0, "-1\u202f230\u202f000"), (0.000123456, "0.000123"),
        (0.0000213, "2.13e-05"), (1e300, "1e+300"), (5e-324, "4.94e-324"), (math.nan, "unknown"), (math.inf, "infinity"),
        (-math.inf, "-infinity"), (0.0009999, "0.001"),
    ],
)  # fmt: skip
def test_a_number_has_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.021, "2.1 %"), (1.0, "100 %"), (0.0, "0 %"), (0.0742, "7.42 %"), (math.nan, "unknown")]
)
def test_a_share_is_written_in_per_cent(value: float, text: str) -> None:
    assert share(value) == text


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (96, 148, "+54 %"), (100, 96.8, "-3.2 %"), (10, 100, "×10"), (10, 99, "+890 %"), (0, 5, ""), (5, 5, ""),
        (-10, -5, "+50 %"), (-10, 200, "+2\u202f100 %"), (math.nan, 1, ""), (1, math.inf, ""), (148, 0, "-100 %"),
        (1000, 1000.001, "+0.0001 %"),
    ],
)  # fmt: skip
def test_a_change_is_relative_to_what_was(before: float, after: float, text: str) -> None:
    assert change(before, after) == text


def test_counts_show_every_digit_and_times_are_utc() -> None:
    assert count(1234567) == "1\u202f234\u202f567"
    assert clock(NOON) == "2025-11-21 12:00 UTC"
    assert clock(NOON - MINUTE, NOON) == "11:59 UTC"
    assert clock(NOON - DAY, NOON) == "2025-11-20 12:00 UTC"
    assert rfc3339(NOON + 1_500_000) == "2025-11-21T12:00:01.500Z"


def test_text_from_the_traffic_stays_on_one_line_and_short() -> None:
    assert plain("a\r\n\tb\x00\u200b\ud800") == "a b"
    assert len(plain("x" * 10_000_000)) == 80
