"""Whose timeline is read next: nobody waits for ever, and whoever is in a hurry goes first."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from exporter.upstream.agenda import NS, Agenda

INTERVAL_SECONDS = 300
INTERVAL_NS = INTERVAL_SECONDS * NS
START_NS = 10**18


def agenda(*connection_ids: str) -> Agenda:
    made = Agenda(INTERVAL_SECONDS)
    for number, connection_id in enumerate(connection_ids):
        made.add(connection_id, read_ns=number, now_ns=START_NS)
    return made


def taken(made: Agenda, now_ns: int) -> list[str]:
    """All whose turn it is, in their order; they are being read from then on."""
    several = []
    while connection_id := made.take(now_ns):
        several.append(connection_id)
    return several


def test_who_becomes_known_is_due_at_once_and_who_was_read_least_lately_goes_first() -> None:
    made = agenda()
    for connection_id, read_ns in (("a", 30), ("b", 10), ("c", 20)):
        made.add(connection_id, read_ns=read_ns, now_ns=START_NS)
    assert taken(made, START_NS - 1) == []
    assert taken(made, START_NS) == ["b", "c", "a"]


def test_who_was_read_is_due_again_after_the_interval() -> None:
    made = agenda("a")
    assert made.take(START_NS) == "a"
    made.done("a", START_NS + 5)
    assert made.take(START_NS + INTERVAL_NS + 4) is None
    assert made.take(START_NS + INTERVAL_NS + 5) == "a"


def test_who_is_in_a_hurry_goes_before_those_that_only_wait() -> None:
    made = agenda("a", "b", "c")
    made.hurry("c", START_NS)
    assert taken(made, START_NS) == ["c", "a", "b"]


def test_who_is_in_a_hurry_waits_for_its_moment() -> None:
    made = agenda("a")
    taken(made, START_NS)
    made.done("a", START_NS)
    made.hurry("a", START_NS + 2)
    assert made.take(START_NS + 1) is None
    assert made.take(START_NS + 2) == "a"


def test_a_later_hurry_does_not_put_off_an_earlier_one_and_an_earlier_one_counts() -> None:
    made = agenda("a")
    taken(made, START_NS)
    made.done("a", START_NS)
    made.hurry("a", START_NS + 20)
    made.hurry("a", START_NS + 30)
    made.hurry("a", START_NS + 10)
    assert made.take(START_NS + 10) == "a"
    made.done("a", START_NS + 11)
    assert made.take(START_NS + 30) is None


def test_who_is_hurried_while_being_read_is_read_again() -> None:
    made = agenda("a")
    assert made.take(START_NS) == "a"
    made.hurry("a", START_NS)
    assert made.take(START_NS) is None
    made.done("a", START_NS + 1)
    assert taken(made, START_NS + 1) == ["a"]


def test_who_could_not_be_read_waits_for_a_while_and_stays_as_stale_as_it_was() -> None:
    made = agenda("a", "b")
    assert made.take(START_NS) == "a"
    made.failed("a", START_NS + 60)
    assert taken(made, START_NS + 59) == ["b"]
    assert made.take(START_NS + 60) == "a"
    assert made.stalest_ns() == 0


def test_who_was_read_for_another_reason_meanwhile_is_not_due_any_more() -> None:
    made = agenda("a")
    made.done("a", START_NS)
    assert made.take(START_NS + 1) is None
    assert made.stalest_ns() == START_NS


def test_the_stalest_is_who_was_read_longest_ago_and_nobody_where_nobody_is_known() -> None:
    made = agenda("a", "b", "c")
    made.done("a", 50)
    assert made.stalest_ns() == 1
    made.remove("b")
    assert made.stalest_ns() == 2
    for connection_id in ("a", "c"):
        made.remove(connection_id)
    assert (made.stalest_ns(), len(made)) == (None, 0)


def test_who_is_no_more_is_never_taken_and_may_come_back() -> None:
    made = agenda("a")
    made.hurry("a", START_NS)
    made.remove("a")
    made.hurry("a", START_NS)
    made.done("a", START_NS)
    made.failed("a", START_NS)
    assert "a" not in made
    assert made.take(START_NS) is None
    made.add("a", read_ns=7, now_ns=START_NS)
    assert taken(made, START_NS) == ["a"]


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=300))
def test_what_is_planned_anew_again_and_again_never_piles_up(steps: list[int]) -> None:
    made, now_ns = agenda("a", "b"), START_NS
    for step in steps:
        now_ns += step
        made.hurry("a", now_ns + 10**6 - step)
        made.done("a", now_ns)
        made.failed("b", now_ns)
    assert len(made._hurried) + len(made._patient) <= 2 * (2 * len(made) + 65)


class Reading(RuleBasedStateMachine):
    """Readers that take turns; time goes on, and anything happens to the connections."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = START_NS
        self.agenda = Agenda(INTERVAL_SECONDS)
        self.read: dict[str, int] = {}
        self.reading: dict[str, bool] = {}
        """Who is being read, and whether it is still the one that was taken."""
        self.hurried: dict[str, int] = {}

    names = st.sampled_from("abcdef")

    @rule(name=names)
    def add(self, name: str) -> None:
        if name not in self.agenda:
            self.agenda.add(name, read_ns=self.now_ns, now_ns=self.now_ns)
            self.read[name] = self.now_ns

    @rule(name=names)
    def remove(self, name: str) -> None:
        self.agenda.remove(name)
        for known in (self.read, self.reading, self.hurried):
            known.pop(name, None)

    @rule(name=names, later=st.integers(0, 2 * INTERVAL_NS))
    def hurry(self, name: str, later: int) -> None:
        self.agenda.hurry(name, self.now_ns + later)

    @rule(later=st.integers(0, 2 * INTERVAL_NS))
    def wait(self, later: int) -> None:
        self.now_ns += later

    @rule()
    def take(self) -> None:
        name = self.agenda.take(self.now_ns)
        if name is not None:
            assert name in self.read
            assert name not in self.reading
            self.reading[name] = True

    @precondition(lambda self: self.reading)
    @rule(data=st.data(), ok=st.booleans())
    def finish(self, data: st.DataObject, *, ok: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.reading)))
        del self.reading[name]
        if ok:
            self.agenda.done(name, self.now_ns)
            self.read[name] = self.now_ns
        else:
            self.agenda.failed(name, self.now_ns + 60 * NS)

    @invariant()
    def stalest_is_the_truth(self) -> None:
        assert self.agenda.stalest_ns() == min(self.read.values(), default=None)

    def teardown(self) -> None:
        """Whoever is known has its turn again within an interval, or when its hurry is due."""
        later_ns = self.now_ns + 2 * INTERVAL_NS
        assert set(taken(self.agenda, later_ns)) == self.read.keys() - self.reading.keys()
        for name in self.reading:
            self.agenda.done(name, later_ns)
        again_ns = later_ns + 2 * INTERVAL_NS
        assert set(taken(self.agenda, again_ns)) == set(self.reading)


TestReading = Reading.TestCase
