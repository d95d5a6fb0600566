"""The official JavaScript SDK, ``@onkernel/sdk`` on npm, judges the simulator, driven by node."""

import asyncio
import json
import os

import pytest

from exporter.simulator.runner import Simulator

JUDGE_SECONDS = 30


@pytest.mark.real("node")
async def test_the_javascript_sdk_lists_logs_in_submits_and_follows(
    js_judge: list[str], simulator: Simulator
) -> None:
    everyone = list(simulator.world.connections)
    environment = {
        **os.environ,
        "KERNEL_API_KEY": simulator.config.api_key,
        "KERNEL_BASE_URL": simulator.base_url,
    }
    judge = await asyncio.create_subprocess_exec(
        *js_judge,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(JUDGE_SECONDS):
        out, errors = await judge.communicate()
    assert judge.returncode == 0, errors.decode()
    seen = json.loads(out)
    assert seen["listed"] == everyone
    assert seen["missing"] is True
    asked = ["AWAITING_INPUT", "SUBMITTING"]
    assert seen["success"] == {
        "flow_type": "LOGIN",
        "steps": [*asked, *asked, "COMPLETED"],
        "status": "SUCCESS",
        "error_code": None,
        "connection": "AUTHENTICATED",
        "timeline": [["login", "SUCCESS", "COMPLETED", True]],
    }
    failure = seen["failure"]
    assert (failure["status"], failure["error_code"]) == ("FAILED", "credentials_invalid")
    assert failure["steps"].count("AWAITING_INPUT") == 4
    failed = simulator.ledger.flows[-1]
    assert failure["timeline"] == [["login", "FAILED", failed.final_step, True]]
    assert [record.outcome for record in simulator.ledger.flows] == ["success", "failed"]
