"""What one input costs does not depend on how many exchanges are open, calls wait, or connections are kept."""

from collections.abc import Callable

import pytest
from tests.rigs.crowd import OK, Crowd
from tests.rigs.meter import cost_of

from aigw_sansio.config import Config, Limits, ProviderSettings
from aigw_sansio.events import AttemptConnected
from aigw_sansio.ids import ConnId


class Scene(Crowd):
    """One client with ``count`` exchanges."""

    def __init__(self, count: int, *, accept: bool, most: int = 512) -> None:
        limits = Limits(
            exchanges_per_connection=10_000, upstream_connections_per_origin=most, lookups_at_once_per_client=10_000
        )
        providers = {"custom-x": ProviderSettings(base_url="https://up.test/v1", http2="off")}
        super().__init__(Config(providers=providers, limits=limits))
        self.client = self.other = self.open()
        for _ in range(count):
            self.create(self.client)
            if accept:
                self.accept_all()
        #: The connections that carry them.
        self.ups: list[ConnId] = [event.conn for event in self.events if isinstance(event, AttemptConnected)]

    def answer(self, up: ConnId) -> None:
        self.take(up)
        self.receive(up, OK)

    def connect_last(self) -> None:
        self.gateway.connected(list(self.dials)[-1], None, self.now)

    def fail_last(self) -> None:
        self.gateway.connect_failed(list(self.dials)[-1], "refused", self.now)

    def cancel_one(self) -> None:
        self.send(self.client, type="universal.cancel", eventId="e2")


def kept(count: int) -> Scene:
    """All are answered, and their connections are kept."""
    scene = Scene(count, accept=True)
    for up in scene.ups:
        scene.answer(up)
    return scene


def hosts(count: int) -> Scene:
    """Each is for a host of its own."""
    scene = Scene(0, accept=False)
    for number in range(count):
        scene.create(
            scene.client, provider="azure-openai", endpoint=f"name{number}/d/chat/completions?api-version=1", headers={}
        )
    assert len(scene.dials) == count
    return scene


def connected(count: int) -> Scene:
    """The same, and all dials succeed; somebody else is there."""
    scene = hosts(count)
    scene.accept_all()
    scene.other = scene.open()
    return scene


CASES: dict[str, tuple[Callable[[int], Scene], Callable[[Scene], object]]] = {
    "a request beside open ones": (lambda n: Scene(n, accept=True), lambda s: s.create(s.client)),
    "a request beside dials": (lambda n: Scene(n, accept=False), lambda s: s.create(s.client)),
    "a request beside waiting ones": (lambda n: Scene(n, accept=True, most=4), lambda s: s.create(s.client)),
    "a request, and many connections are kept": (kept, lambda s: s.create(s.client)),
    "a dial succeeds": (lambda n: Scene(n, accept=False), Scene.connect_last),
    "a dial fails": (lambda n: Scene(n, accept=False), Scene.fail_last),
    "a dial fails beside those to other hosts": (hosts, Scene.fail_last),
    "a session ends, and there are many hosts": (connected, lambda s: s.leave(s.other)),
    "a cancel beside dials": (lambda n: Scene(n, accept=False), Scene.cancel_one),
    "a cancel beside open ones": (lambda n: Scene(n, accept=True), Scene.cancel_one),
    "an answer beside open ones": (lambda n: Scene(n, accept=True), lambda s: s.answer(s.ups[-1])),
    "an answer, and others wait": (lambda n: Scene(n, accept=True, most=4), lambda s: s.answer(s.ups[-1])),
}


@pytest.mark.parametrize("case", CASES)
def test_twice_as_many_others_do_not_make_it_dearer(case: str) -> None:
    prepare, action = CASES[case]

    def cost(count: int) -> int:
        scene = prepare(count)
        return cost_of(lambda: action(scene)).bytecodes

    once, twice = cost(40), cost(80)
    assert twice <= 1.1 * once
