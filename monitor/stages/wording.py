"""Which words of a batch may be named from now on. Panes count words under hashes alone."""

from collections.abc import Callable

import numpy as np
import polars as pl

from monitor.config.models import ApplicationConfig
from monitor.stages.batch import Batch
from monitor.store.words import Told
from records.hashing import hash_column
from signals.text import SIDES
from signals.vocabulary import Vocabulary

FEWEST, SHARE = 256, 64
"""Interactions of a batch that are read: so many, and one in SHARE of all. Words worth naming come again."""


class Wording:
    """Follows the words of all applications of one process. What it counted is lost with the process, and counted anew."""

    def __init__(self, application: Callable[[str], ApplicationConfig]):
        self._application, self._vocabulary = application, Vocabulary()

    def learn(self, batch: Batch) -> list[Told]:
        """Read some interactions of a batch, drawn by their hashes; words that may be told from now on, to be stored.

        Each batch once: an interaction that is read again would count again.
        """
        if not len(batch.frame):
            return []
        size = min(FEWEST + len(batch.frame) // SHARE, len(batch.frame))
        some = np.argpartition(batch.hashes, size - 1)[:size]
        frame = batch.frame[some].select("application", pl.concat_str(SIDES, separator=" ", ignore_nulls=True).alias("text"))
        wanted = [name for name in frame["application"].unique().to_list() if self._explains(name)]
        if not wanted:
            return []
        frame = frame.filter(pl.col("application").is_in(wanted))
        told = self._vocabulary.learn(hash_column(frame["application"]), frame["text"])
        applications, at = frame["application"], int(batch.start.max())
        return [Told(applications[row], word, at) for row, word in told]

    def _explains(self, application: str) -> bool:
        """Whether an application counts words at all."""
        signals = self._application(application).signals
        return signals is None or any(f"{side}.text" in signals or f"{side}.*" in signals for side in SIDES)
