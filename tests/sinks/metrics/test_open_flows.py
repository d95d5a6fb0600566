"""The gauges of flows in progress follow each flow exactly, whoever reads them."""

import threading
from itertools import cycle, pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from exporter.core.vocabulary import WORKING_STEPS
from exporter.sinks.metrics.instruments import Instruments
from exporter.sinks.metrics.open_flows import OpenFlows
from tests.sinks.metrics.samples import SECOND_NS, START_NS, flow, total

IN_PROGRESS = "managed_auth_flows_in_progress"
STARTED = ("LOGIN", "discovering", "a.example")
ENDED = ("success", "LOGIN", "stream", "a.example")
OLDEST = "managed_auth_oldest_step_entered_timestamp_seconds"


def open_flows(registry: CollectorRegistry) -> OpenFlows:
    return OpenFlows(Instruments(registry, domain_label=True), registry)


def test_every_combination_is_there_at_0() -> None:
    registry = CollectorRegistry()
    open_flows(registry)

    there = {
        (sample.labels["step"], sample.labels["flow_type"], sample.value)
        for metric in registry.collect()
        for sample in metric.samples
    }
    assert there == {
        (step, kind, 0) for step in WORKING_STEPS for kind in ("LOGIN", "REAUTH", "unknown")
    }


def test_the_oldest_flow_of_a_step_gives_its_time_and_an_empty_step_none() -> None:
    registry = CollectorRegistry()
    flows = open_flows(registry)
    flows.entered(flow("a"), "SUBMITTING", START_NS + 9 * SECOND_NS)
    flows.entered(flow("b"), "SUBMITTING", START_NS + 4 * SECOND_NS)
    flows.entered(flow("c"), "AWAITING_INPUT", START_NS)

    def oldest(step: str) -> float | None:
        return registry.get_sample_value(OLDEST, {"step": step})

    assert oldest("SUBMITTING") == START_NS / SECOND_NS + 4
    assert oldest("AWAITING_INPUT") == START_NS / SECOND_NS
    assert oldest("DISCOVERING") is None

    flows.ended(flow("b"), ENDED)
    assert oldest("SUBMITTING") == START_NS / SECOND_NS + 9
    flows.ended(flow("c"), ENDED)
    assert oldest("AWAITING_INPUT") is None


def test_the_oldest_flow_gives_the_time_of_its_start_whatever_step_it_is_in() -> None:
    registry = CollectorRegistry()
    flows = open_flows(registry)
    name = "managed_auth_oldest_flow_started_timestamp_seconds"
    assert registry.get_sample_value(name) is None

    old, young = flow("a"), msgspec.structs.replace(flow("b"), started_ns=START_NS + 5 * SECOND_NS)
    flows.entered(old, "SUBMITTING", START_NS + 7 * SECOND_NS)
    flows.entered(young, "AWAITING_INPUT", START_NS + 6 * SECOND_NS)
    assert registry.get_sample_value(name) == START_NS / SECOND_NS

    flows.ended(old, ENDED)
    assert registry.get_sample_value(name) == START_NS / SECOND_NS + 5
    flows.ended(young, ENDED)
    assert registry.get_sample_value(name) is None


def test_a_flow_type_that_is_learnt_late_leaves_no_count_behind() -> None:
    registry = CollectorRegistry()
    flows = open_flows(registry)
    flows.entered(flow(flow_type="unknown"), "DISCOVERING", START_NS)
    assert total(registry, IN_PROGRESS, flow_type="unknown") == 1

    flows.entered(flow(flow_type="LOGIN"), "SUBMITTING", START_NS)
    assert total(registry, IN_PROGRESS, flow_type="unknown") == 0
    assert total(registry, IN_PROGRESS, flow_type="LOGIN", step="SUBMITTING") == 1

    flows.ended(flow(flow_type="REAUTH"), ENDED)
    assert total(registry, IN_PROGRESS) == 0


def test_the_end_of_an_older_flow_leaves_the_present_one_of_the_connection_alone() -> None:
    registry = CollectorRegistry()
    flows = open_flows(registry)
    flows.entered(flow(trace_id=2), "DISCOVERING", START_NS)
    flows.ended(flow(trace_id=1), ENDED)

    assert total(registry, IN_PROGRESS, step="DISCOVERING") == 1


def test_a_flow_that_is_over_and_learnt_of_late_leaves_the_open_one_of_its_connection_alone() -> (
    None
):
    registry = CollectorRegistry()
    flows = open_flows(registry)
    flows.started(flow(trace_id=2), STARTED)
    flows.entered(flow(trace_id=2), "SUBMITTING", START_NS)
    flows.started(flow(trace_id=1), STARTED)
    assert total(registry, IN_PROGRESS) == 2
    flows.ended(flow(trace_id=1), ENDED)

    assert total(registry, IN_PROGRESS) == total(registry, IN_PROGRESS, step="SUBMITTING") == 1
    assert total(registry, OLDEST, step="SUBMITTING") == START_NS / SECOND_NS


def test_what_an_earlier_process_left_open_is_in_an_unknown_step_until_it_is_taken_up() -> None:
    registry = CollectorRegistry()
    flows = open_flows(registry)
    flows.restored({STARTED: 5}, {ENDED: 2})
    assert total(registry, IN_PROGRESS, step="unknown", flow_type="unknown") == 3

    for name in "ab":
        flows.entered(flow(name), "SUBMITTING", START_NS)
        flows.entered(flow(name), "AWAITING_INPUT", START_NS)
    assert total(registry, IN_PROGRESS, step="AWAITING_INPUT") == 2
    assert total(registry, IN_PROGRESS, step="unknown") == 1

    flows.ended(flow("c"), ENDED)
    assert total(registry, IN_PROGRESS) == 2
    assert total(registry, "managed_auth_flows_started_total") == 5
    assert total(registry, "managed_auth_flows_ended_total") == 3


def test_the_end_of_a_flow_that_nobody_saw_start_never_makes_a_gauge_negative() -> None:
    registry = CollectorRegistry()
    flows = open_flows(registry)
    flows.restored({STARTED: 1}, {ENDED: 2})
    assert total(registry, IN_PROGRESS) == 0
    flows.ended(flow(), ENDED)

    values = [s.value for metric in registry.collect() for s in metric.samples]
    assert min(values) == 0
    assert total(registry, IN_PROGRESS) == 0
    assert total(registry, "managed_auth_flows_ended_total") == 3


_MOVES = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from((*WORKING_STEPS, None))))


@given(_MOVES)
def test_the_gauges_always_count_the_flows_that_are_in_each_step(
    moves: list[tuple[str, str | None]],
) -> None:
    registry = CollectorRegistry()
    flows = open_flows(registry)
    where: dict[str, str] = {}
    for connection_id, step in moves:
        if step is None:
            flows.ended(flow(connection_id), ENDED)
            where.pop(connection_id, None)
        else:
            flows.entered(flow(connection_id), step, START_NS)
            where[connection_id] = step

    for step in WORKING_STEPS:
        assert total(registry, IN_PROGRESS, step=step) == list(where.values()).count(step)
    assert total(registry, OLDEST) == len(set(where.values())) * START_NS / SECOND_NS


def test_a_scrape_in_another_thread_never_misses_a_flow_between_two_steps() -> None:
    registry = CollectorRegistry()
    flows = open_flows(registry)
    for number in range(50):
        flows.entered(flow(str(number)), "DISCOVERING", START_NS)
    scraped: list[float] = []

    def scrape() -> None:
        scraped.extend(total(registry, IN_PROGRESS) for _ in range(200))

    scraper = threading.Thread(target=scrape)
    scraper.start()
    steps = pairwise(cycle(WORKING_STEPS))
    while scraper.is_alive():
        _, step = next(steps)
        for number in range(50):
            flows.entered(flow(str(number)), step, START_NS)
    scraper.join()

    assert scraped == [50] * 200


def test_at_a_scrape_in_another_thread_flows_that_started_have_ended_or_are_in_progress() -> None:
    registry = CollectorRegistry()
    flows = open_flows(registry)
    sums: list[tuple[float, float]] = []
    done = threading.Event()

    def scrape() -> None:
        while not done.is_set():
            metrics = {metric.name: metric.samples for metric in registry.collect()}
            started, ended, open_now = (
                sum(sample.value for sample in metrics[f"managed_auth_flows_{name}"])
                for name in ("started", "ended", "in_progress")
            )
            sums.append((started, ended + open_now))

    scraper = threading.Thread(target=scrape)
    scraper.start()
    # Until the threads have taken turns often enough, however long their turns are.
    while len({started for started, _ in list(sums)}) < 10:
        for number in range(20):
            flows.started(flow(str(number)), STARTED)
            flows.entered(flow(str(number)), "DISCOVERING", START_NS)
        for number in range(20):
            flows.ended(flow(str(number)), ENDED)
    done.set()
    scraper.join()

    assert [pair for pair in sums if pair[0] != pair[1]] == []
