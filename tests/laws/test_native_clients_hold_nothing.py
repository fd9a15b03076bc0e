"""What has ended holds nothing, for clients in the process of the gateway: each way of ending, with much under way.

The cycle collector is off, as in :mod:`.test_dead_hold_nothing`.
"""

from collections.abc import Callable

import pytest
from tests.rigs.living import living_objects
from tests.rigs.native_client import OPEN, SSE_HEAD, NativeClient, said, whole

from aigw_sansio import Close, Config, Connect, ConnId, Gateway, Limits, Step

CONFIG = Config(providers=OPEN.providers, limits=Limits(send_high_water_bytes=4096))
OF_EXCHANGES = {"Exchange", "Attempt", "ProviderResponse", "_Queue", "Policy", "NativeEncoder", "TranslatingEncoder"}


def dialling(client: NativeClient) -> None:
    client.create(Step("openai", "chat/completions", query=b"{}"))


def queued(client: NativeClient) -> None:
    """Events wait with the client, and behind it."""
    provider = client.ask("a", "both")
    client.provider_says(provider, SSE_HEAD + said(*("x" * 50 for _ in range(100))))


def collecting(client: NativeClient) -> None:
    """A part of a whole response."""
    provider = client.ask("a")
    client.provider_says(provider, whole(200, b"x" * 1000)[:-1])


def asked(client: NativeClient) -> None:
    """The host is asked about a token."""
    client.create(Step("openai", "x", headers=[("cf-aig-authorization", "Bearer t")], query=b"{}"))


def answered(client: NativeClient) -> None:
    """All is over, and its events wait."""
    provider = client.ask("a")
    client.provider_says(provider, whole(200, b'{"choices":[]}'))


def leaves(client: NativeClient) -> None:
    client.leave()


def is_lost(client: NativeClient) -> None:
    client.gateway.connection_lost(client.conn, "gone", client.now)
    client.leave()


def cancels(client: NativeClient) -> None:
    client.cancel()
    while client.take(3):
        pass
    client.leave()


def is_drained(client: NativeClient) -> None:
    client.gateway.drain(client.now)
    client.collect()
    client.pass_time(60)
    client.leave()


@pytest.mark.parametrize("end", [leaves, is_lost, cancels, is_drained])
@pytest.mark.parametrize("under_way", [dialling, queued, collecting, asked, answered])
def test_an_ended_client_holds_nothing(
    under_way: Callable[[NativeClient], None], end: Callable[[NativeClient], None]
) -> None:
    def live(gateway: Gateway) -> None:
        client = NativeClient(gateway=gateway)
        dialled: list[ConnId] = []
        under_way(client)
        dialled += [effect.conn for effect in client.effects if isinstance(effect, Connect)]
        end(client)
        client.pass_time(3600)
        for effect in client.of(Close):
            assert isinstance(effect, Close)
            client.gateway.closed(effect.conn, client.now)
        client.collect()
        gateway.next_timeout()  # lets go of timers that were closed

    live(Gateway(CONFIG, b"a seed for the dead", 1_700_000_000.0))  # fills caches
    with living_objects() as living:
        gateway = Gateway(CONFIG, b"a seed for the dead", 1_700_000_000.0)
        empty = living()
        live(gateway)
        left = living() - empty
    assert not any(gateway.snapshot().values()), gateway.snapshot()
    assert not left


@pytest.mark.parametrize("under_way", [queued, answered])
def test_an_ended_exchange_holds_nothing_but_its_events(under_way: Callable[[NativeClient], None]) -> None:
    with living_objects() as living:
        client = NativeClient(CONFIG)
        under_way(client)
        client.cancel()
        while client.take(3):
            pass
        left = {name: count for name, count in living().items() if name in OF_EXCHANGES}
        assert not left
        assert client.gateway.snapshot()["sessions"] == 1
