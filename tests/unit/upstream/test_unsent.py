"""When a request counts as sent."""

from tests.rigs.core_rig import Handler, Rig, request

from aigw_sansio.origin import Origin
from aigw_sansio.upstream.call import UpstreamCall
from aigw_sansio.upstream.unsent import UnsentRequests

ORIGIN = Origin("https", "up.test", 443)


def calls(count: int) -> list[tuple[UpstreamCall, Handler]]:
    pool = Rig().pool
    made = []
    for stream in range(1, count + 1):
        handler = Handler()
        call = UpstreamCall(pool, ORIGIN, request(), handler=handler, connect_timeout_s=1.0)
        call.stream = stream
        made.append((call, handler))
    return made


def test_a_request_is_sent_when_its_last_byte_is_taken() -> None:
    unsent = UnsentRequests()
    (first, told), (second, other) = calls(2)
    unsent.add(first)
    unsent.written(10, lambda stream: False)
    unsent.written(5, lambda stream: stream == 1)
    unsent.add(second)
    unsent.written(7, lambda stream: True)
    unsent.taken(14, 1.0)
    assert told.told == []
    unsent.taken(1, 2.0)
    assert (told.told, first.sent, first.sent_at) == (["sent"], True, 2.0)
    assert other.told == []
    unsent.taken(7, 3.0)
    assert (other.told, second.sent_at) == (["sent"], 3.0)
    unsent.taken(100, 4.0)
    assert told.told == ["sent"], "once"


def test_a_call_that_has_ended_is_told_nothing() -> None:
    unsent = UnsentRequests()
    ((call, told),) = calls(1)
    unsent.add(call)
    unsent.written(3, lambda stream: True)
    unsent.remove(call)
    unsent.remove(call)
    unsent.taken(3, 1.0)
    assert told.told == []
    assert not call.sent
