"""Counts that outlive a process: what each observation counts as, and that nothing is lost."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.core.observations import (
    Entry,
    FlowEnded,
    FlowRef,
    FlowStarted,
    HealthCheckSeen,
    Observation,
    Observed,
    Outcome,
    StepEntered,
)
from exporter.core.totals import MAX_DOMAINS, Totals
from exporter.core.vocabulary import ERROR_CODES


def flow(domain: str = "shop.example", flow_type: str = "LOGIN") -> FlowRef:
    return FlowRef("ma_1", domain, "ada", flow_type, 0, 1)


def over(
    outcome: Outcome = Outcome.SUCCESS,
    error_code: str | None = None,
    domain: str = "shop.example",
    observed: Observed = Observed.STREAM,
) -> FlowEnded:
    return FlowEnded(
        flow=flow(domain),
        outcome=outcome,
        observed=observed,
        last_step="SUBMITTING",
        started_ns=0,
        ended_ns=1,
        error_code=error_code,
        error_message=None,
        incomplete=True,
        duration_ns=None,
        waiting_ns=None,
        working_ns=None,
        facts=(),
    )


def counted(*observations: Observation) -> Totals:
    totals = Totals()
    for each in observations:
        totals.count(each)
    return totals


def test_a_flow_that_starts_and_ends_is_counted_by_what_is_known_of_it() -> None:
    totals = counted(
        FlowStarted(flow(), Entry.DISCOVERING),
        over(),
        FlowStarted(flow(flow_type="REAUTH"), Entry.TIMELINE),
        over(observed=Observed.TIMELINE),
        over(),
    )
    assert totals.counts == {
        ("started", "LOGIN", "discovering", "shop.example"): 1,
        ("ended", "success", "LOGIN", "stream", "shop.example"): 2,
        ("started", "REAUTH", "timeline", "shop.example"): 1,
        ("ended", "success", "LOGIN", "timeline", "shop.example"): 1,
    }


def test_only_what_failed_or_expired_is_a_failure() -> None:
    failures = {
        outcome: [key for key in counted(over(outcome)).counts if key[0] == "failed"]
        for outcome in Outcome
    }
    key = ("failed", "none", "SUBMITTING", "LOGIN")
    assert {outcome for outcome, keys in failures.items() if keys == [key]} == {
        Outcome.FAILED,
        Outcome.EXPIRED,
    }
    assert sum(map(len, failures.values())) == 2


def test_an_error_code_is_never_any_but_kernel_s_own() -> None:
    codes = [*ERROR_CODES, "A_CODE_OF_TOMORROW", "", None]
    totals = counted(*(over(Outcome.FAILED, code) for code in codes))
    failed = {key[1]: count for key, count in totals.counts.items() if key[0] == "failed"}
    assert failed == {**dict.fromkeys(ERROR_CODES, 1), "other": 1, "none": 2}


def test_what_counts_is_told_by_its_keys_and_anything_else_counts_nothing() -> None:
    totals = Totals()
    assert totals.count(over(Outcome.FAILED)) == list(totals.counts)
    before = dict(totals.counts)
    assert totals.count(StepEntered(flow(), "SUBMITTING", 0)) == []
    assert totals.count(HealthCheckSeen("NEEDS_AUTH", 0)) == []
    assert totals.counts == before


def test_a_domain_is_what_a_host_name_can_be() -> None:
    totals = counted(over(domain="Shop.EXAMPLE"), over(domain="https://u:p@x/?token=secret"))
    domains = {key[-1] for key in totals.counts}
    assert "shop.example" in domains
    assert not any("secret" in domain for domain in domains)


def test_domains_beyond_the_limit_share_one_place_and_known_ones_keep_theirs() -> None:
    totals = counted(*(over(domain=f"d{n}.example") for n in range(MAX_DOMAINS + 3)))
    assert len(totals.counts) == MAX_DOMAINS + 1
    [key] = totals.count(over(domain="d0.example"))
    assert (key[-1], totals.counts[key]) == ("d0.example", 2)
    restored = Totals()
    restored.restore(totals.counts.items())
    [key] = restored.count(over(domain="new.example"))
    assert (key[-1], restored.counts[key]) == ("other", 4)


observations = st.one_of(
    st.builds(
        FlowStarted,
        st.builds(flow, st.sampled_from(["a.example", "b.example"])),
        st.sampled_from(Entry),
    ),
    st.builds(
        over,
        st.sampled_from(Outcome),
        st.sampled_from([None, "bot_detected", "?"]),
        st.sampled_from(["a.example", "b.example"]),
        st.sampled_from(Observed),
    ),
)


@given(st.lists(observations, max_size=30), st.integers(0, 30))
def test_a_restart_anywhere_never_loses_or_doubles_a_count(
    seen: list[Observation], cut: int
) -> None:
    first = counted(*seen[:cut])
    second = Totals()
    second.restore(first.counts.items())
    for each in seen[cut:]:
        second.count(each)
    assert second.counts == counted(*seen).counts
    assert list(second.counts) == list(counted(*seen).counts)


@given(st.lists(observations, max_size=30))
def test_every_flow_that_starts_or_ends_is_always_counted_exactly_once(
    seen: list[Observation],
) -> None:
    sums = dict.fromkeys(["started", "ended", "failed"], 0)
    for key, count in counted(*seen).counts.items():
        sums[key[0]] += count
    ends = [each for each in seen if isinstance(each, FlowEnded)]
    failures = [each for each in ends if each.outcome in ("failed", "expired")]
    assert list(sums.values()) == [len(seen) - len(ends), len(ends), len(failures)]
