"""Words that are used more, or less, often since a change: they explain, they are never tested (statistics.md, section 7)."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.budget import DEFAULT_FLOOR
from records.columns import WORD_BUCKETS
from records.finding import WordReason
from records.pane import DOCUMENTS, Pane

FEWEST = 20
"""Interactions that use a word where it is used more often."""
TELLING = 25.0
"""G of a word that moved: the largest of thousands of words that did not is about 16, and live traffic wobbles."""
TOLD = 5
Names = Mapping[int, Sequence[str]]
"""The words that may be named, by the key under which panes count them."""
Floats = NDArray[np.float64]


def log_odds(before: Floats, after: Floats) -> Floats:
    """z-scores (K,) of the change of log odds between counts (K,), under an informative Dirichlet prior.

    The prior is what `before` would be in a text as long as `after`, at least half a use of each word that was ever used.
    Source: Monroe, Colaresi and Quinn 2008, "Fightin' Words", equations 16, 19, 20 and 22.
    """
    ever = before + after > 0
    alpha = np.maximum(before * (after.sum() / max(before.sum(), 1.0)), 0.5) * ever
    moved, variance = np.zeros(len(alpha)), np.zeros(len(alpha))
    for sign, counts in ((1.0, after), (-1.0, before)):
        mine = counts + alpha
        rest = mine.sum() - mine
        moved += sign * np.log(np.divide(mine, rest, out=np.ones(len(mine)), where=ever & (rest > 0)))
        variance += np.divide(1.0, mine, out=np.ones(len(mine)), where=ever)
    z: Floats = moved / np.sqrt(variance)
    return z


def _likelihood_ratio(before: Floats, after: Floats) -> Floats:
    """G (K,) of each word's uses against those of all others: unlike the z-score it holds for words that one side lacks."""
    g = np.zeros(len(before))
    for own, total in ((before, before.sum()), (after, after.sum())):
        share = (before + after) / (before.sum() + after.sum())
        for seen, expected in ((own, total * share), (total - own, total * (1 - share))):
            ratio = np.divide(seen, expected, out=np.ones(len(g)), where=(seen > 0) & (expected > 0))
            g += 2 * seen * np.log(ratio)
    return g


def moved_words(sides: Sequence[str], before: Pane, after: Pane, names: Names) -> tuple[list[WordReason], list[WordReason]]:
    """The words of text signals `<side>.text` that rose and fell most, at most TOLD of each, the most telling first.

    Only words that can be named, whose odds of being used moved by at least the floor of shares.
    """
    risen: list[tuple[float, WordReason]] = []
    fallen: list[tuple[float, WordReason]] = []
    for side in sides:
        (old, n_old), (new, n_new) = _used(before, f"{side}.text"), _used(after, f"{side}.text")
        if min(n_old, n_new) < FEWEST:
            continue
        keys = np.flatnonzero(np.maximum(old, new) >= FEWEST)
        z, g = (measure(old, new)[keys] for measure in (log_odds, _likelihood_ratio))
        p, q = (old[keys] + 0.5) / (n_old + 1.0), (new[keys] + 0.5) / (n_new + 1.0)
        odds = np.log(q / (1 - q)) - np.log(p / (1 - p))
        telling = (g >= TELLING) & (np.abs(odds) >= np.log(DEFAULT_FLOOR.ratio)) & (z * odds > 0)
        for i in np.flatnonzero(telling).tolist():
            key, found = int(keys[i]), risen if z[i] > 0 else fallen
            enough = new[key] if z[i] > 0 else old[key]
            if enough >= FEWEST and (word := _name(names.get(key, ()))):
                found.append((abs(float(z[i])), WordReason(word, side, float(old[key] / n_old), float(new[key] / n_new))))
    return _most(risen), _most(fallen)


def _used(pane: Pane, name: str) -> tuple[Floats, float]:
    """How many documents use each word (WORD_BUCKETS,), and how many there are."""
    keys, counts = pane.cells(name)
    words = keys != DOCUMENTS
    used = np.bincount(keys[words], weights=counts[words], minlength=WORD_BUCKETS).astype(np.float64)
    return used, float(counts[~words].sum())


def _name(words: Sequence[str]) -> str:
    """Two words that are counted under one key cannot be told apart; of more, none is likely the right one."""
    return " or ".join(words) if len(words) <= 2 else ""


def _most(found: list[tuple[float, WordReason]]) -> list[WordReason]:
    found.sort(key=lambda one: (-one[0], one[1].side, one[1].word))
    return [word for _, word in found[:TOLD]]
