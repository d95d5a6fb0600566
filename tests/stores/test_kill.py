"""``kill -9`` at any moment: what was acknowledged is there, every batch whole or not at all."""

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from exporter.stores.sqlite import SqliteStore
from exporter.stores.store import Contents

KILLS: Final = 8

COMMIT: Final = """
import sys
from pathlib import Path
from exporter.stores.sqlite import SqliteStore
from exporter.stores.store import Batch, SavedConnection, Unsent
store = SqliteStore(Path(sys.argv[1]))
number = dict(store.load().totals).get(("n",), 0)
while True:
    number += 1
    state = b"%d " % number * 200
    store.commit(Batch(
        connections={f"ma_{one}": SavedConnection(state, str(number)) for one in range(20)},
        totals={("n",): number},
        unsent=[Unsent(number, "step", state)],
        sent_up_to=number - 1,
        listed_ns=number,
    ))
    print(number, flush=True)
"""


def killed_after(directory: Path, seconds: float) -> int:
    """Have a process commit for a while; the number of the last batch that it knew of as kept."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMIT, str(directory)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(seconds)
    process.kill()
    later, _ = process.communicate()
    return int((first + later).split("\n")[-2])


def whole(contents: Contents) -> int:
    """The number of the batch that the contents are of, in every part of them."""
    number = dict(contents.totals)["n",]
    state = b"%d " % number * 200
    assert len(contents.connections) == 20
    assert all(
        saved.state == state and saved.last_event_id == str(number)
        for saved in contents.connections.values()
    )
    assert [(row.number, row.fact) for row in contents.unsent] == [(number, state)]
    assert contents.listed_ns == number
    return number


def test_after_kill_9_all_that_was_acknowledged_is_there_and_whole(tmp_path: Path) -> None:
    moments = random.Random(20260101)
    for _ in range(KILLS):
        acknowledged = killed_after(tmp_path, moments.uniform(0, 0.08))
        store = SqliteStore(tmp_path)
        number = whole(store.load())
        store.close()

        assert number in (acknowledged, acknowledged + 1)
