"""What is past its time is deleted, in small transactions, so that nobody waits long for their turn.

Panes, courses and feedback are judged by their own application's event time, so that a replay of old history is kept as
long as today's traffic is; what belongs to people (texts, ids, refused lines) by the wall clock.
"""

from detectors.golden import FEWEST
from monitor.config.conversations import LONGEST
from monitor.config.models import Config
from monitor.metrics import Metrics
from monitor.stages.keeping import STEPS, WINDOWS_KEPT
from monitor.store import (
    contents,
    counters,
    courses,
    dead_letters,
    estimates,
    feedback,
    ids,
    judgements,
    judges,
    panes,
    runs,
    words,
)
from monitor.store.dialect import hold
from monitor.store.engine import Store
from records.window import DAY, HOUR, MINUTE, WINDOW


def forget(store: Store, config: Config, metrics: Metrics, now: int) -> None:
    """Delete what is too old at `now` (wall clock, microseconds)."""
    with store.read() as c:
        reached = {name: courses.judged_through(c, name) for name in counters.load(c)}
    for application, through in reached.items():
        if through is not None:
            _forget_application(store, config, metrics, application, through)
    content = config.retention.content
    with store.begin() as c:
        contents.delete_before(c, now - content)
    with store.begin() as c:
        ids.delete_before(c, now - max(content, 2 * config.deduplicate_within))
    with store.begin() as c:
        runs.delete_before(c, now - max(content, 2 * LONGEST))
    with store.begin() as c:
        dead_letters.delete_before(c, now - config.retention.dead_letters)
    _forget_judgements(store, config, now)


def merge_ids(store: Store, config: Config, now: int) -> None:
    """Merge the ids of minutes that are over, and of hours that no duplicate is looked for in any more."""
    old = now - 2 * max(config.deduplicate_within, HOUR)
    with store.read() as c:
        names = sorted(counters.load(c))
    for name in names:
        with store.begin() as c:
            hold(c, f"plumbline/feedback/{name}")
            ids.merge_small(c, name, now - HOUR, now - now % MINUTE - MINUTE)
        with store.begin() as c:
            hold(c, f"plumbline/feedback/{name}")
            ids.merge_old(c, name, old)


def _forget_judgements(store: Store, config: Config, now: int) -> None:
    """What nobody judged in time is given up; what was judged is known for as long as it may come again."""
    content = config.retention.content
    more = True
    while more:
        with store.begin() as c:
            more = judgements.expire(c, now - content) > 0
    with store.begin() as c:
        judgements.delete_before(c, now - max(content, 2 * config.deduplicate_within))
    with store.begin() as c:
        judges.forget_cached(c, now - content)
        judges.delete_before(c, now - config.retention.panes, (now - config.retention.panes) // DAY, FEWEST)


def _forget_application(store: Store, config: Config, metrics: Metrics, application: str, through: int) -> None:
    kept = config.retention.panes
    longest = max((b.trailing or 0 for b in config.application(application).baselines), default=0)
    with store.begin() as c:
        panes.delete_before(c, application, WINDOW, through - min(kept, max(WINDOWS_KEPT, longest)))
    for step in STEPS:
        with store.begin() as c:
            panes.delete_before(c, application, step, through - kept)
    with store.begin() as c:
        courses.delete_before(c, application, through - kept)
        words.delete_before(c, application, through - kept)
        estimates.delete_before(c, application, through - kept)
        judgements.delete_counts_before(c, application, through - kept)
    with store.begin() as c:
        feedback.delete_joined_before(c, application, through - min(kept, WINDOWS_KEPT))
    with store.begin() as c:
        times = feedback.give_up(c, application, through - config.retention.content)
        ages = [(through - at) / 1e6 for at in times]
        feedback.add_unmatched(c, application, "no such interaction", ages)
    metrics.count_unmatched(application, "no such interaction", ages)
