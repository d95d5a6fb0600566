"""The hub: every message to every stream in order, whatever else is going on."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.simulator.hub import LOG_LENGTH, Hub, Subscriber, Then
from exporter.simulator.script import WireFault

ACTIONS = st.lists(st.sampled_from(["publish", "join", "leave"]), max_size=60)


def _taken(subscriber: Subscriber) -> list[bytes]:
    taken = []
    while not subscriber.queue.empty():
        delivery = subscriber.queue.get_nowait()
        assert delivery is not None
        taken.append(delivery.chunk)
    return taken


@given(actions=ACTIONS)
def test_every_stream_always_gets_what_is_published_while_it_is_open(actions: list[str]) -> None:
    hub = Hub(event_ids=True)
    streams: list[tuple[Subscriber, list[bytes]]] = []
    left: list[tuple[Subscriber, list[bytes]]] = []
    for number, action in enumerate(actions):
        if action == "publish":
            data = str(number).encode()
            hub.publish("managed_auth_state", data)
            for _, expected in streams:
                expected.append(hub.encode("managed_auth_state", data))
        elif action == "join":
            streams.append((hub.join([], ended=False), []))
        elif streams:
            hub.leave(streams[0][0])
            left.append(streams.pop(0))
    for subscriber, expected in streams + left:
        assert _taken(subscriber) == expected
    assert hub.streams == len(streams)


@given(published=st.integers(0, LOG_LENGTH + 40), known=st.integers(0, LOG_LENGTH + 80))
def test_missed_is_exactly_what_came_after_or_nothing(published: int, known: int) -> None:
    hub = Hub(event_ids=True)
    messages = []
    for number in range(published):
        hub.publish("managed_auth_state", str(number).encode())
        messages.append(hub.encode("managed_auth_state", str(number).encode()))
    kept = known >= published - LOG_LENGTH and known <= published
    assert hub.missed(str(known)) == (messages[known:] if kept else [])


def test_a_cut_in_the_middle_sends_the_first_half_and_forgets_the_stream() -> None:
    hub = Hub(event_ids=False)
    subscriber = hub.join([], ended=False)
    hub.fault(WireFault.CUT_MID_EVENT)
    hub.publish("managed_auth_state", b"{}")
    hub.publish("managed_auth_state", b"{}")
    delivery = subscriber.queue.get_nowait()
    assert delivery is not None
    whole = hub.encode("managed_auth_state", b"{}")
    assert (delivery.chunk, delivery.then) == (whole[: len(whole) // 2], Then.CUT)
    assert subscriber.queue.empty()
    assert hub.streams == 0


def test_reset_ends_every_fault() -> None:
    hub = Hub(event_ids=False)
    for fault in (WireFault.CUT_MID_EVENT, WireFault.DRIP, WireFault.SILENCE):
        hub.fault(fault)
    hub.reset()
    subscriber = hub.join([], ended=False)
    hub.publish("managed_auth_state", b"{}")
    delivery = subscriber.queue.get_nowait()
    assert delivery is not None
    assert (delivery.then, delivery.drip, hub.silent) == (Then.GO_ON, False, False)
