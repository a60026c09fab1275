"""Feedback that was joined, feedback that waits, and the texts that are kept."""

from monitor.store import Store, contents, feedback
from monitor.store.contents import Content
from monitor.store.feedback import FeedbackKey, JoinedFeedback, Unmatched, WaitingFeedback
from tests.store.make import MINUTE, NOON

HIGH = 2**64 - 1
"""A hash that no signed column holds as it is."""
KEY = FeedbackKey(HIGH, "rating", "human")


def test_joined_feedback_is_replaced_by_interaction_name_and_source(store: Store) -> None:
    other = [KEY._replace(source="judge"), KEY._replace(name="correct"), KEY._replace(id_hash=0)]
    one, two = JoinedFeedback(1.0, NOON, [0], True), JoinedFeedback(2.0, NOON, [])
    with store.begin() as c:
        feedback.put(c, "support", {KEY: JoinedFeedback(0.5, NOON, [0, 3, -1])})
        feedback.put(c, "support", {KEY: one, other[0]: two, other[2]: two})
        assert feedback.of(c, "support", [(HIGH, "rating"), (HIGH, "correct"), (0, "rating")]) == {
            (HIGH, "rating"): {"human": one, "judge": two},
            (0, "rating"): {"human": two},
        }
        assert feedback.of(c, "search", [(HIGH, "rating")]) == {}
        feedback.delete_joined_before(c, "support", NOON)
        feedback.delete_joined_before(c, "search", NOON + MINUTE)
        assert len(feedback.of(c, "support", [(HIGH, "rating")])) == 1
        feedback.delete_joined_before(c, "support", NOON + MINUTE)
        assert feedback.of(c, "support", [(HIGH, "rating")]) == {}


def test_waiting_feedback_is_taken_once(store: Store) -> None:
    first = WaitingFeedback(HIGH, "rating", "human", 1.0, None, NOON)
    second = WaitingFeedback(HIGH, "reference_answer", "human", None, "é\0", NOON + 1)
    third = WaitingFeedback(5, "rating", "human", None, "", NOON + 2)
    with store.begin() as c:
        feedback.wait(c, "support", [first._replace(value_number=0.0), second, third])
        feedback.wait(c, "support", [first])
        feedback.wait(c, "search", [first])
        kept = [first._replace(seq=4), second._replace(seq=2), third._replace(seq=3)]
        assert feedback.waiting(c, "support") == kept
        assert feedback.waiting(c, "support", after=2) == [kept[0], kept[2]]
        assert feedback.take(c, "support", [HIGH, 17]) == kept[:2]
        assert feedback.take(c, "support", [HIGH]) == []
        assert feedback.waiting(c, "support") == kept[2:]
        assert feedback.waiting(c, "support", after=4) == []
        assert feedback.waiting(c, "search") == [first._replace(seq=1)]


def test_waiting_feedback_that_is_given_up_is_told(store: Store) -> None:
    rows = [WaitingFeedback(i, "rating", "human", 1.0, None, NOON + i) for i in range(5)]
    with store.begin() as c:
        feedback.wait(c, "support", rows)
        assert feedback.give_up(c, "search", NOON + 3) == []
        assert sorted(feedback.give_up(c, "support", NOON + 3)) == [NOON, NOON + 1, NOON + 2]
        assert feedback.give_up(c, "support", NOON + 3) == []
        assert feedback.waiting(c, "support") == [rows[3]._replace(seq=4), rows[4]._replace(seq=5)]


def test_what_was_not_counted_is_kept_with_its_mean_age(store: Store) -> None:
    with store.begin() as c:
        feedback.add_unmatched(c, "support", "content not kept", [60.0, 120.0])
        feedback.add_unmatched(c, "support", "content not kept", [90.0])
        feedback.add_unmatched(c, "search", "not a number", [1.0])
        feedback.add_unmatched(c, "search", "out of scale", [])
        assert feedback.unmatched(c, "support") == [Unmatched("content not kept", 3, 90.0)]
        assert feedback.unmatched(c, "search") == [Unmatched("not a number", 1, 1.0)]


def test_many_interactions_are_looked_up_in_pieces(store: Store) -> None:
    hashes = [HIGH - i for i in range(1201)]
    with store.begin() as c:
        feedback.wait(c, "support", [WaitingFeedback(h, "rating", "human", 1.0, None, NOON) for h in hashes])
        assert len(feedback.take(c, "support", hashes)) == 1201
        rows = [Content(h, NOON, "q", None) for h in hashes]
        contents.put(c, "support", rows)
        assert contents.get(c, "support", hashes) == {row.id_hash: row for row in rows}


def test_texts_come_back_as_they_were_and_go_by_minute(store: Store) -> None:
    rows = [Content(HIGH, NOON, "a\0é" * 1000, None), Content(1, NOON + MINUTE, None, ""), Content(2, NOON, "x", "y")]
    with store.begin() as c:
        contents.put(c, "support", rows)
        contents.put(c, "support", [rows[2]._replace(response="z")])
        assert contents.get(c, "support", [HIGH, 1, 2, 3]) == {
            HIGH: rows[0],
            1: rows[1],
            2: rows[2]._replace(response="z"),
        }
        assert contents.get(c, "search", [HIGH]) == {}
        contents.delete_before(c, NOON + MINUTE)
        assert list(contents.get(c, "support", [HIGH, 1, 2])) == [1]
