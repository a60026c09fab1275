"""Estimates of whole days: one row a day, the newest first asked for."""

from detectors.estimation.statement import Estimate
from monitor.store import Store, estimates
from records.window import DAY


def test_estimates_are_kept_by_day_until_they_are_past_their_time(store: Store) -> None:
    done = Estimate(
        day=DAY, baseline="trailing 7d", outcome="done", before=[0], rows=[9, 9], error=[1.0, 2.5], auroc=[0.5, 0.9]
    )
    failed = Estimate(day=2 * DAY, baseline="trailing 7d", outcome="failed")
    with store.begin() as c:
        assert estimates.newest(c, "shop") is None
        for one in (failed, Estimate(day=DAY, baseline="trailing 7d", outcome="too_few"), done):
            estimates.put(c, "shop", one)
        estimates.put(c, "search", Estimate(day=9 * DAY, baseline="trailing 7d", outcome="too_few"))
        assert estimates.since(c, "shop", 0) == [done, failed]
        assert estimates.since(c, "shop", 2 * DAY) == [failed]
        assert estimates.newest(c, "shop") == failed
        estimates.delete_before(c, "shop", 2 * DAY)
        assert estimates.since(c, "shop", 0) == [failed]
        assert estimates.newest(c, "search") is not None
