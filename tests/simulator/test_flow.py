"""A flow's reports: their times, and what is there before the first of them."""

import json
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from exporter.simulator.clock import Clock
from exporter.simulator.connection import Connection
from exporter.simulator.flow import Flow
from exporter.simulator.hub import Hub, Subscriber
from exporter.simulator.ledger import Ledger
from exporter.simulator.scenarios import SCENARIOS


def _flow(times: list[int]) -> tuple[Flow, Subscriber]:
    """A flow under a clock that tells these times, and then always the last."""
    left = iter(times)
    connection = Connection("conn_1", "x.example", "p", "NEEDS_AUTH", Hub(event_ids=False))
    flow = Flow(
        "password_login",
        SCENARIOS["password_login"],
        connection,
        flow_type="LOGIN",
        scripted=True,
        rng=Random(1),
        clock=Clock(time_ns=lambda: next(left, times[-1])),
        ledger=Ledger(),
    )
    return flow, connection.hub.join([], ended=False)


@given(st.lists(st.integers(10**18, 10**18 + 10**12), min_size=1, max_size=8))
def test_a_clock_that_steps_back_never_makes_a_report_older_than_the_last(
    times: list[int],
) -> None:
    flow, stream = _flow(times)
    flow.enter("DISCOVERING")
    flow.repeat(website_error="Busy")
    flow.enter("SUBMITTING")
    flow.end("SUCCESS")
    told = []
    while not stream.queue.empty():
        delivery = stream.queue.get_nowait()
        assert delivery is not None
        told.append(json.loads(delivery.chunk.partition(b"data: ")[2])["timestamp"])
    assert len(told) == 4
    assert all(earlier <= later for earlier, later in pairwise(told))
    record = flow.record
    assert record.ended_ns is not None
    assert record.ended_ns >= record.started_ns
    assert all(visit.left_ns and visit.left_ns >= visit.entered_ns for visit in record.steps)


def test_before_the_first_report_there_is_no_snapshot_but_the_connection_shows_the_flow() -> None:
    flow, _ = _flow([10**18])
    assert flow.snapshot(restamp=False) == []
    assert flow.connection_members()["flow_status"] == "IN_PROGRESS"
    flow.enter("DISCOVERING")
    assert len(flow.snapshot(restamp=False)) == 1


def test_the_same_text_counts_once_until_the_next_submission() -> None:
    flow, _ = _flow([10**18])
    flow.enter("AWAITING_INPUT", website_error="Wrong")
    flow.repeat(website_error="Wrong")
    flow.repeat(website_error="Locked")
    flow.enter("SUBMITTING")
    flow.enter("AWAITING_INPUT", website_error="Wrong")
    assert [each.text for each in flow.record.website_errors] == ["Wrong", "Locked", "Wrong"]
