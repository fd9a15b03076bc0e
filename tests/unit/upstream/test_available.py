"""Connections that can take a call: the few that matter for a decision lead to the same one as all of them."""

from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.ids import ConnId
from aigw_sansio.upstream.available import AvailableConnections
from aigw_sansio.upstream.placement import ConnectionFacts, choose_connection

MAX_AGE = 10.0


class Connection:
    """As the pool sees it."""

    def __init__(self, conn: int, dialed_at: float) -> None:
        self.conn = ConnId(conn)
        self.dialed_at = self.last_used = dialed_at
        self.ready_order = conn
        self.idle = True
        self.capacity = 1


class Model:
    """All of them, and what was told of them."""

    def __init__(self) -> None:
        self.sorted = AvailableConnections()
        self.known: dict[ConnId, Connection] = {}
        self.now = 0.0

    def tell(self, one: Connection) -> None:
        if one.capacity:
            self.known[one.conn] = one
            self.sorted.put(one)
        else:
            self.known.pop(one.conn, None)
            self.sorted.remove(one.conn)

    def check(self, *, allowed: bool, after: int, limit: int) -> None:
        everything = [
            ConnectionFacts(
                conn=one.conn,
                last_used=one.last_used,
                dialed_at=one.dialed_at,
                busy=not one.idle,
                ready_order=one.ready_order,
            )
            for one in self.known.values()
            if one.capacity and (allowed or not one.idle)
        ]
        few = self.sorted.facts(self.now, MAX_AGE, idle=allowed, every=after > 0)
        decisions = [
            choose_connection(
                facts,
                total=len(self.known),
                limit=limit,
                shareable_dial=False,
                after=after,
                now=self.now,
                max_age_s=MAX_AGE,
            )
            for facts in (few, everything)
        ]
        assert decisions[0] == decisions[1]
        for busy in (False, True):
            assert self.sorted.newest(self.now, MAX_AGE, busy=busy) == max(
                (
                    one.ready_order
                    for one in self.known.values()
                    if one.capacity and self.now - one.dialed_at < MAX_AGE and not (busy and one.idle)
                ),
                default=-1,
            )
        assert self.sorted.idle == sum(one.idle for one in self.known.values())


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["new", "begin", "end", "full", "silently full", "gone", "pass"]),
        st.integers(0, 9),
        st.booleans(),
        st.integers(0, 3),
        st.integers(0, 6),
    ),
    max_size=40,
)


@given(MOVES)
def test_the_decision_is_that_over_all(moves: list[tuple[str, int, bool, int, int]]) -> None:
    model = Model()
    made: list[Connection] = []
    for what, which, allowed, after, limit in moves:
        one = made[which % len(made)] if made else None
        if what == "pass":
            model.now += which / 2
        elif what == "new" or one is None:
            made.append(Connection(len(made) + 1, model.now))
            model.tell(made[-1])
        elif what == "silently full":
            if one.conn in model.known:
                one.capacity = 0
        else:
            one.capacity = int(what in ("begin", "end"))
            one.idle = what == "end"
            one.last_used = model.now
            model.tell(one)
        model.check(allowed=allowed, after=after, limit=limit)


def test_of_many_only_a_few_matter() -> None:
    model = Model()
    for number in range(1, 101):
        one = Connection(number, 0.0)
        one.idle = number % 2 == 0
        one.last_used = float(number)
        model.tell(one)
    assert [facts.conn for facts in model.sorted.facts(1.0, MAX_AGE, idle=True, every=False)] == [99, 100]
    assert [facts.conn for facts in model.sorted.facts(1.0, MAX_AGE, idle=False, every=False)] == [99]
    assert len(model.sorted.facts(1.0, MAX_AGE, idle=True, every=True)) == 100
