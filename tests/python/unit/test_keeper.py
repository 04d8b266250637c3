"""When the connector counts as stalled."""

from __future__ import annotations

from infra.transform.keeper import Progress


def test_time_counts_from_the_last_change_of_position() -> None:
    progress = Progress(-1, 100.0)
    assert progress.seen(0, 110.0) == 0.0
    assert progress.seen(0, 170.0) == 60.0
    assert progress.seen(1, 171.0) == 0.0
    # A topic that is made again counts from 0: that is news too.
    assert progress.seen(0, 180.0) == 0.0
    assert progress.seen(0, 185.0) == 5.0
