"""What stands under an alert's sentence: where its change comes from, in short words."""

import pytest

from monitor.page import figures
from monitor.page.reading.incidents import Incident, alert_row
from records.finding import Reasons, SliceReason, WordReason
from tests.alerts.make import alert, finding

REFUND, THANKS = WordReason("refund", "response", 0.01, 0.2), WordReason("thanks", "response", 0.5, 0.1)


@pytest.mark.parametrize(
    ("reasons", "others", "cause"),
    [
        (Reasons(slices=[SliceReason({"model": "GPT-x"}, 0.7, 0.1, 0.1)]), 0, "70 % of it vanishes without model=GPT-x."),
        (Reasons(risen=[REFUND], fallen=[THANKS]), 0, "Responses more often: refund; responses less often: thanks."),
        (Reasons(risen=[REFUND]), 1, "1 other signal moved with it, marked ↳ 3 below. Responses more often: refund."),
        (Reasons(), 1, "1 other signal moved with it, marked ↳ 3 below."),
        (Reasons(), 0, ""),
    ],
)
def test_an_open_alert_tells_the_slice_and_the_words_of_its_leader(reasons: Reasons, others: int, cause: str) -> None:
    found = [finding(slice={"tags.tenant": "acme"}, reasons=reasons), finding("f2", signal="duration")][: 1 + others]
    assert figures.plain(alert_row(Incident(alert(), 3, tuple(found))).cause) == cause
