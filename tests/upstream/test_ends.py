from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.core.observations import StreamEndReason
from exporter.upstream.backoff import MAX_SECONDS, Backoff
from exporter.upstream.ends import REFUSED_SECONDS, Forget, Next, Retry, Stop, StreamEnd, what_next

R = StreamEndReason


def after(reason: R, *, flow_open: bool, reconnection: float = 0.0, **said: Any) -> Next:
    end = StreamEnd(reason, opened=False, **said)
    return what_next(
        end,
        flow_open=flow_open,
        reconnection_seconds=reconnection,
        backoff=Backoff(lambda: 0.0),
    )


@pytest.mark.parametrize(
    ("reason", "with_flow", "without_flow"),
    [
        (R.TERMINAL, Stop, Stop),
        (R.EOF, Retry, Stop),
        (R.IDLE, Retry, Retry),
        (R.HTTP_401, Retry, Retry),
        (R.HTTP_404, Forget, Forget),
        (R.HTTP_429, Retry, Retry),
        (R.HTTP_5XX, Retry, Retry),
        (R.NETWORK, Retry, Retry),
        (R.PROTOCOL, Retry, Stop),
        (R.STOPPED, Stop, Stop),
    ],
)
def test_what_follows_from_each_end(
    reason: R, with_flow: type[Next], without_flow: type[Next]
) -> None:
    assert type(after(reason, flow_open=True)) is with_flow
    assert type(after(reason, flow_open=False)) is without_flow


@pytest.mark.parametrize("flow_open", [True, False])
def test_session_that_is_over_stops_and_keeps_the_connection(
    flow_open: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert after(R.HTTP_404, flow_open=flow_open, session_over=True) == Stop()


def test_every_reason_has_an_answer() -> None:
    assert all(after(reason, flow_open=True) is not None for reason in R)


def test_refused_key_is_retried_slowly_also_the_tenth_time() -> None:
    backoff = Backoff(lambda: 1.0)
    end = StreamEnd(R.HTTP_401, opened=False)
    for _ in range(10):
        step = what_next(end, flow_open=True, reconnection_seconds=0, backoff=backoff)
        assert isinstance(step, Retry)
        assert REFUSED_SECONDS <= step.seconds <= REFUSED_SECONDS + 2


@pytest.mark.parametrize("reason", [R.HTTP_5XX, R.NETWORK, R.EOF, R.IDLE])
def test_server_s_waiting_times_are_honoured(reason: R) -> None:
    assert after(reason, flow_open=True, reconnection=7.0) == Retry(7.5)
    assert after(reason, flow_open=True, retry_after_seconds=9.0, reconnection=7.0) == Retry(9.5)


def test_server_that_says_not_to_retry_is_taken_at_its_word() -> None:
    assert after(R.HTTP_5XX, flow_open=True, should_retry=False) == Stop()
    assert after(R.PROTOCOL, flow_open=False, should_retry=True) == Retry(0.5)
    assert after(R.HTTP_404, flow_open=True, should_retry=True) == Forget()


@given(
    st.sampled_from(list(R)),
    st.booleans(),
    st.floats(0, 60),
    st.none() | st.floats(0, 120),
    st.none() | st.booleans(),
    st.floats(0, 1, exclude_max=True),
)
def test_delay_is_never_zero_nor_longer_than_three_minutes(
    reason: R,
    flow_open: bool,  # noqa: FBT001 - drawn by hypothesis
    reconnection: float,
    retry_after: float | None,
    should_retry: bool | None,  # noqa: FBT001 - likewise
    chance: float,
) -> None:
    end = StreamEnd(
        reason, opened=False, retry_after_seconds=retry_after, should_retry=should_retry
    )
    backoff = Backoff(lambda: chance)
    step = what_next(end, flow_open=flow_open, reconnection_seconds=reconnection, backoff=backoff)
    assert not isinstance(step, Retry) or 0.5 <= step.seconds <= 120 + MAX_SECONDS
