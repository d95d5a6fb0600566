"""Whole streams, replayed to complete metrics and spans.

What is expected of ``transcripts/NAME.sse`` stands beside it: ``NAME.metrics.txt`` is all that
/metrics says, ``NAME.spans.txt`` every span, ``NAME.check.txt`` what ``check`` prints.
``python -m tests.test_transcripts --write`` writes them anew; read the difference before you commit
it.
"""

import asyncio
import sys
from collections import Counter
from typing import Final

import pytest

from tests.support.transcripts import FOLDER, OPENMETRICS, Replayed, checked, replay

TRANSCRIPTS: Final = sorted(FOLDER.glob("*.sse"))


def transcript(name: str) -> bytes:
    return (FOLDER / f"{name}.sse").read_bytes()


def expected(name: str, kind: str) -> str:
    return (FOLDER / f"{name}.{kind}.txt").read_text("utf-8")


each = pytest.mark.parametrize("name", [path.stem for path in TRANSCRIPTS])


@each
async def test_a_transcript_gives_these_metrics_and_spans(name: str) -> None:
    replayed = await replay(transcript(name))
    assert replayed.metrics() == expected(name, "metrics")
    assert replayed.traces() == expected(name, "spans")


@each
def test_check_finds_these_faults_on_these_lines(name: str) -> None:
    assert checked(transcript(name)) == expected(name, "check")


@each
async def test_a_second_replay_gives_the_same_ids(name: str) -> None:
    first, second = [await replay(transcript(name)) for _ in range(2)]
    assert first.traces() == second.traces()


@each
async def test_the_live_view_says_the_same_as_the_metrics(name: str) -> None:
    replayed = await replay(transcript(name))
    totals = replayed.live.totals
    assert totals.started == total(replayed, "managed_auth_flows_started_total")
    assert totals.in_progress == total(replayed, "managed_auth_flows_in_progress")
    ended = Counter(totals.ended_by_outcome)
    assert ended.total() == total(replayed, "managed_auth_flows_ended_total")
    assert totals.started == ended.total() + totals.in_progress


def test_expectations_and_transcripts_belong_together() -> None:
    kinds = ("metrics", "spans", "check")
    wanted = {path.with_suffix(f".{kind}.txt") for path in TRANSCRIPTS for kind in kinds}
    assert wanted == set(FOLDER.glob("*.txt"))
    assert len(TRANSCRIPTS) >= 10


def test_no_expectation_holds_a_secret_or_personal_data() -> None:
    for path in FOLDER.glob("*.txt"):
        text = path.read_text("utf-8")
        for secret in ("s3cr3t", "jane", "mail.example", "415", "0132", "90817263", "auth.example"):
            assert secret not in text, f"{secret} in {path.name}"


async def test_exemplars_lead_from_a_histogram_to_the_trace() -> None:
    replayed = await replay(transcript("wrong_password_to_the_end"))
    lines = replayed.metrics(OPENMETRICS).splitlines()
    trace_id = replayed.traces().split()[1]
    with_exemplar = {line.split("{")[0] for line in lines if f'# {{trace_id="{trace_id}"}}' in line}
    assert with_exemplar == {
        "managed_auth_flow_duration_seconds_bucket",
        "managed_auth_flow_failures_total",
        "managed_auth_flow_waiting_seconds_bucket",
        "managed_auth_flow_working_seconds_bucket",
        "managed_auth_step_duration_seconds_bucket",
    }


def total(replayed: Replayed, name: str) -> float:
    return sum(
        sample.value
        for family in replayed.registry.collect()
        for sample in family.samples
        if sample.name == name
    )


def write_all() -> None:
    """Write every expectation as it comes out now."""
    for path in TRANSCRIPTS:
        content = path.read_bytes()
        replayed = asyncio.run(replay(content))
        for kind, text in (
            ("metrics", replayed.metrics()),
            ("spans", replayed.traces()),
            ("check", checked(content)),
        ):
            path.with_suffix(f".{kind}.txt").write_text(text, "utf-8")


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.test_transcripts --write")
    write_all()
