"""Words that may be named, in the store."""

from monitor.store import Store, words
from monitor.store.words import Told


def test_a_word_is_kept_once_an_application_until_long_after_it_was_told_last(store: Store) -> None:
    with store.begin() as c:
        words.put(c, [Told("support", "refund", 5), Told("support", "thanks", 5), Told("search", "refund", 5)])
    with store.begin() as c:
        words.put(c, [Told("support", "refund", 9), Told("support", "refund", 8)])
        words.put(c, [])
        assert words.known(c, "support") == ["refund", "thanks"]
    with store.begin() as c:
        words.delete_before(c, "support", 9)
        assert (words.known(c, "support"), words.known(c, "search"), words.known(c, "none")) == (["refund"], ["refund"], [])
