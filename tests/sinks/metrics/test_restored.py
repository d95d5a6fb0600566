"""Totals of earlier processes come back under labels that are as bounded as ever."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.core.observations import Outcome
from exporter.core.totals import Key, Totals
from exporter.core.vocabulary import ERROR_CODES
from exporter.sinks.metrics.labels import ERROR_CODE, FLOW_TYPE, LAST_STEP
from exporter.sinks.metrics.restored import restored
from tests.sinks.metrics.samples import TOTALS, ended, flow


def test_each_kind_of_total_keeps_its_labels() -> None:
    sums = restored(
        [
            (("started", "LOGIN", "timeline", "a.example"), 5),
            (("ended", "expired", "REAUTH", "listing", "a.example"), 3),
            (("failed", "captcha_blocked", "SUBMITTING", "REAUTH"), 2),
        ],
        str.upper,
    )

    assert sums.started == {("LOGIN", "timeline", "A.EXAMPLE"): 5}
    assert sums.ended == {("expired", "REAUTH", "listing", "A.EXAMPLE"): 3}
    assert sums.failed == {("captcha_blocked", "SUBMITTING", "REAUTH"): 2}


def test_what_shares_a_label_value_is_summed() -> None:
    sums = restored(
        [
            (("started", "NEW", "timeline", "a.example"), 5),
            (("started", "unknown", "timeline", "b.example"), 2),
            (("failed", "made_up", "NEW", "NEW"), 4),
            (("failed", "other", "unknown", "unknown"), 1),
        ],
        lambda _: "other",
    )

    assert sums.started == {("unknown", "timeline", "other"): 7}
    assert sums.failed == {("other", "unknown", "unknown"): 5}


def test_domains_are_asked_for_in_the_order_in_which_they_first_came_up() -> None:
    asked: list[str] = []

    def domain(name: str) -> str:
        asked.append(name)
        return name

    keys: list[Key] = [
        ("started", "LOGIN", "discovering", "z.example"),
        ("ended", "success", "LOGIN", "stream", "z.example"),
        ("started", "LOGIN", "discovering", "a.example"),
    ]
    restored([(key, 1) for key in keys], domain)

    assert asked == ["z.example", "z.example", "a.example"]


def test_a_key_that_this_version_cannot_read_is_left_out() -> None:
    keys: list[Key] = [
        (),
        ("resumed", "LOGIN"),
        ("started", "LOGIN", "telepathy", "a.example"),
        ("started", "LOGIN", "timeline"),
        ("ended", "won", "LOGIN", "stream", "a.example"),
        ("ended", "success", "LOGIN", "hearsay", "a.example"),
    ]
    sums = restored([(key, 1) for key in keys], str)

    assert sums == ({}, {}, {})


@given(TOTALS)
def test_whatever_was_written_no_label_value_is_ever_out_of_bounds(
    counts: tuple[tuple[Key, int], ...],
) -> None:
    for code, step, kind in restored(counts, str).failed:
        assert code in ERROR_CODE.values
        assert step in LAST_STEP.values
        assert kind in FLOW_TYPE.values


@given(st.none() | st.sampled_from(("", "made_up", "none", *ERROR_CODES)))
def test_a_failure_comes_back_under_the_code_that_was_counted(code: str | None) -> None:
    totals = Totals()
    totals.count(ended(flow(), Outcome.FAILED, error_code=code))
    ((named, step, kind),) = restored(totals.counts.items(), str).failed

    assert (step, kind) == ("SUBMITTING", "LOGIN")
    assert named == ERROR_CODE.bounded()(code)
