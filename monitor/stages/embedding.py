"""Which interactions of a batch are embedded, by what, and what their application's reference knows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.embedding import embedder
from monitor.stages.batch import Batch
from monitor.state import State
from monitor.store import references
from records.errors import StoreError
from records.pane_codec import decode_pane
from signals.embedding import Embed, Sampled, chosen, places
from signals.embedding.novelty import Known, known
from streams.panes import ALL, PaneKey


def sampled(state: State, batch: Batch, application: str, rows: NDArray[np.int64]) -> Sampled | None:
    """The sample of an application's interactions, the `rows` (n,) of the batch; None where none are embedded.

    An interaction's place is that among all of its window in its partition, so the sample is the same after a crash and
    in a replay, however records are fetched.
    """
    settings = state.application(application).embeddings
    if settings is None:
        return None
    starts, start_of = np.unique(batch.start[rows], return_inverse=True)
    panes = (batch.partition.open.get(PaneKey(application, ALL, "", start)) for start in starts.tolist())
    before = np.array([pane.n if pane else 0 for pane in panes], np.int64)
    chosen_rows = chosen(batch.hashes[rows], places(start_of, before))
    return Sampled(_counted(state, application, embedder(settings)), chosen_rows, _known(state, application))


def _counted(state: State, application: str, embed: Embed) -> Embed:
    """The same, counting the texts that got no embedding."""

    def counted(texts: Sequence[str]) -> NDArray[np.float64]:
        found = embed(texts)
        without = int((~np.isfinite(found).all(axis=1)).sum())
        state.metrics.not_embedded.labels(**state.metrics.capped(application=application)).inc(without)
        return found

    return counted


def _known(state: State, application: str) -> Known | None:
    """What the newest version of the application's first reference knows; where the store is away, what it did before."""
    name = next((b.reference for b in state.application(application).baselines if b.reference), None)
    if name is None:
        return None
    before = state.references.get((application, name))
    try:
        with state.store.read() as c:
            version = max((v.version for v in references.list_(c, application) if v.name == name), default=0)
            if before is None or before[0] != version:
                found = references.get(c, application, name, version)
                blob = found.panes.get((ALL, "")) if found else None
                moments = decode_pane(blob).vectors("response.embedding") if blob else None
                before = state.references[application, name] = (version, known(moments) if moments else None)
    except StoreError:
        return before[1] if before else None
    return before[1]
