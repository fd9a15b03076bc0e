"""The ``universal.*`` dialect: what each client message decodes to."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.config import Limits
from aigw_sansio.dialects.universal import messages
from aigw_sansio.dialects.universal.decode import (
    BadCreate,
    Cancel,
    Command,
    Create,
    Ping,
    Step,
    Unusable,
    decode,
)
from aigw_sansio.exchanges.policy import StepConfig
from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.json_text import BOM

TYPES = "universal.create, universal.cancel and universal.ping"
STEP = '{"provider":"p","endpoint":"e"}'


def create(request: str, beside: str = "") -> bytes:
    return f'{{"type":"universal.create"{beside},"request":{request}}}'.encode()


def step(
    *, headers: list[tuple[str, str]] | None = None, query: bytes | None = None, method: str = "POST", **config: object
) -> Step:
    return Step("p", "e", method, headers or [], query, StepConfig(**config))  # type: ignore[arg-type]


def fields(more: str) -> bytes:
    return create(f'{{"provider":"p","endpoint":"e",{more}}}')


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b'{"type":"universal.ping"}', Ping()),
        (b' {"x":[{}],"type":"universal.ping"} ', Ping()),
        (BOM + b'{"type":"universal.ping"}', Ping()),
        (b'{"type":"universal.cancel","eventId":"a"}', Cancel("a")),
        (b'{"type":"universal.cancel","eventId":"\\u00e9"}', Cancel("é")),
        (('{"type":"universal.cancel","eventId":"%s"}' % ("é" * 256)).encode(), Cancel("é" * 256)),
        (create(STEP), Create(None, [step()])),
        (create(f"[{STEP}]"), Create(None, [step()])),
        (create(f"[{STEP} , {STEP}]"), Create(None, [step(), step()])),
        (create(STEP, ',"eventId":"b"'), Create("b", [step()])),
        (fields('"eventId":"s"'), Create("s", [step()])),
        (create('{"provider":"p","endpoint":"e","eventId":"s"}', ',"eventId":"b"'), Create("s", [step()])),
        (create(f'[{STEP},{{"provider":"p","endpoint":"e","eventId":"2"}}]', ',"eventId":"b"'), Create("b", [step(), step()])),
        (fields('"method":"GET"'), Create(None, [step(method="GET")])),
        (fields('"unknown":{"a":[1]}'), Create(None, [step()])),
        (fields('"headers":null,"config":null,"authorization":null'), Create(None, [step()])),
        (fields('"headers":{"A":"x","b":1.50,"c":{"d": null},"e":true}'),
         Create(None, [step(headers=[("A", "x"), ("b", "1.50"), ("c", '{"d": null}'), ("e", "true")])])),
        (fields('"headers":{"Authorization":"h"},"authorization":"o"'),
         Create(None, [step(headers=[("authorization", "o"), ("Authorization", "h")])])),
        (fields('"query":{"a" : 1.0, "b":"\\u00e9"}'), Create(None, [step(query=b'{"a" : 1.0, "b":"\\u00e9"}')])),
        (fields('"query":null'), Create(None, [step(query=b"null")])),
        (fields('"query":"\\ud83d"'), Create(None, [step(query=b'"\\ud83d"')])),
        (fields('"query":[ "\\ud83d" ]').replace(b"query", b"qu\\u0065ry"), Create(None, [step(query=b'[ "\\ud83d" ]')])),
        (create(f'[{STEP},{{"query":"\\ud83d","provider":"p","endpoint":"e"}},{{"query":2,"provider":"p","endpoint":"e"}}]'),
         Create(None, [step(), step(query=b'"\\ud83d"'), step(query=b"2")])),
        (fields('"config":{"requestTimeout":1,"maxAttempts":2,"retryDelay":3.5,"backoff":"linear","connectTimeout":4,'
                '"idleTimeout":5,"totalTimeout":6,"response":"both","later":{}}'),
         Create(None, [step(request_timeout=1, max_attempts=2, retry_delay=3.5, backoff="linear", connect_timeout=4,
                            idle_timeout=5, total_timeout=6, response="both")])),
    ],
)  # fmt: skip
def test_good_messages(data: bytes, wanted: Command) -> None:
    assert decode(data) == wanted


MALFORMED, INVALID = FaultKind.MALFORMED_MESSAGE, FaultKind.INVALID_REQUEST


@pytest.mark.parametrize(
    ("data", "kind", "detail"),
    [
        (b"", MALFORMED, "the message is not JSON: "),
        (b"{", MALFORMED, "the message is not JSON: "),
        (b'{"type":"universal.ping"}}', MALFORMED, "the message is not JSON: "),
        (b'{"type":"universal.ping","x":NaN}', MALFORMED, "the message is not JSON: "),
        (b'{"type":"universal.ping","x":NaN,"y":"\\ud83d"}', MALFORMED, "the message is not JSON: "),
        (b'{"type":"universal.ping\xff"}', MALFORMED, "the message is not UTF-8; a message is one JSON object in UTF-8"),
        (b'{"type":"universal.ping","x":"\xed\xa0\xbd"}', MALFORMED, "the message is not UTF-8"),
        (BOM + BOM + b"{}", MALFORMED, "the message is not JSON: "),
        (b"[]", MALFORMED, f"message: Expected `object`, got `array`; a message is a JSON object whose type is one of {TYPES}"),
        (b"null", MALFORMED, "message: Expected `object`, got `null`"),
        (b"{}", INVALID, "message: Object missing required field `type`"),
        (b'{"type":7}', INVALID, "message.type: Expected `str`, got `int`"),
        (b'{"type":"universal.Ping"}', INVALID, f"message.type is unknown; allowed are {TYPES}"),
        (b'{"type":"%s"}' % (b"x" * 5000), INVALID, f"message.type is unknown; allowed are {TYPES}"),
        (b'{"type":"universal.cancel"}', INVALID, "universal.cancel needs eventId, a string of 1 to 256 characters"),
        (b'{"type":"universal.cancel","eventId":""}', INVALID, "universal.cancel needs eventId"),
        (b'{"type":"universal.cancel","eventId":7}', INVALID, "universal.cancel needs eventId"),
        (b'{"type":"universal.cancel","eventId":"%s"}' % (b"x" * 257), INVALID, "universal.cancel needs eventId"),
        (b'{"type":"universal.create"}', INVALID, "message.request is missing; it is a step object or a non-empty array of them"),
        (create("[ ]"), INVALID, "message.request is an empty array"),
        (create("null"), INVALID, "message.request is no object"),
        (create('"x"'), INVALID, "message.request is no object"),
        (b'{"type":"universal.ping","x":' + b"[" * 500 + b"]" * 500 + b"}", MALFORMED,
         "the message is nested deeper than 400 levels"),
    ],
)  # fmt: skip
def test_messages_without_an_exchange(data: bytes, kind: FaultKind, detail: str) -> None:
    message = decode(data)
    assert isinstance(message, Unusable)
    assert message.fault.kind is kind
    assert message.fault.side is Side.CLIENT
    assert message.fault.detail.startswith(detail)


@pytest.mark.parametrize(
    ("request_text", "event_id", "detail"),
    [
        ("{}", "b", "request: Object missing required field `provider`"),
        ('{"provider":"p"}', "b", "request: Object missing required field `endpoint`"),
        ('{"provider":"p","endpoint":5}', "b", "request.endpoint: Expected `str`, got `int`"),
        ('{"provider":"p","endpoint":5,"eventId":"s"}', "s", "request.endpoint: Expected `str`, got `int`"),
        ('[{"provider":"p","endpoint":5,"eventId":"s"},7]', "s", "request[0].endpoint: Expected `str`, got `int`"),
        (f'[{STEP},{{"provider":"p","endpoint":5,"eventId":"2"}}]', "b", "request[1].endpoint: Expected `str`, got `int`"),
        ('[1,{"eventId":"2"}]', "b", "request[0]: Expected `object`, got `int`"),
        ('{"provider":"p","endpoint":"e","headers":[]}', "b", "request.headers: Expected `object | null`, got `array`"),
        ('{"provider":"p","endpoint":"e","authorization":{}}', "b", "request.authorization: Expected `str | null`, got `object`"),
        ('{"provider":"p","endpoint":"e","config":{"maxAttempts":"2"}}', "b",
         "request.config.maxAttempts: Expected `float | null`, got `str`"),
        ('{"provider":"p","endpoint":"e","config":{"maxAttempts":true}}', "b",
         "request.config.maxAttempts: Expected `float | null`, got `bool`"),
        ('{"provider":"p","endpoint":"e","config":{"backoff":"x"}}', "b",
         "request.config.backoff: Invalid enum value; allowed are constant, linear and exponential"),
        (f'[{STEP},{{"provider":"p","endpoint":"e","config":{{"response":"x"}}}}]', "b",
         "request[1].config.response: Invalid enum value; allowed are raw, events and both"),
        ('{"provider":"p","endpoint":"e","eventId":""}', None, "eventId must be a string of 1 to 256 characters"),
        ('{"provider":"p","endpoint":"e","eventId":7}', None, "eventId must be a string of 1 to 256 characters"),
        ('{"provider":"p","endpoint":"e","eventId":"%s"}' % ("x" * 257), None, "eventId must be a string of 1 to 256 characters"),
    ],
)  # fmt: skip
def test_creates_that_cannot_run(request_text: str, event_id: str | None, detail: str) -> None:
    message = decode(create(request_text, ',"eventId":"b"'))
    assert message == BadCreate(event_id, Fault(INVALID, Side.CLIENT, detail))


@pytest.mark.parametrize("more", [
    '"headers":{"a":"\\ud800"}', '"headers":{"a":"\\ud800"},"query":"\\ud83d"', '"method":"\\ud800"', '"headers":{"\\ud800":"a"}',
])  # fmt: skip
def test_half_a_surrogate_pair_outside_a_query_refuses_the_create_under_its_id(more: str) -> None:
    for data in (
        create(f'{{"provider":"p","endpoint":"e",{more}}}', ',"eventId":"b"'),
        fields(f'{more},"eventId":"b"'),
    ):
        message = decode(data)
        assert isinstance(message, BadCreate)
        assert message.event_id == "b"
        assert message.fault.kind is INVALID


def test_details_quote_little() -> None:
    for value in ('"backoff":"%s"', '"response":"%s"'):
        message = decode(fields('"config":{' + value % ("x" * 5000) + "}"))
        assert isinstance(message, BadCreate)
        assert len(message.fault.detail) < 300


PIECES = st.sampled_from([
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\u", b"\\ud83d", b"null", b"1e9", b"NaN", b"\xff", BOM, b" ", b'"type":', b'"request":',
    b'"universal.create"', b'"universal.cancel"', b'"universal.ping"', b'"eventId":', b'"provider":"p"', b'"endpoint":"e"', b'"query":',
    b'"headers":', b'"config":', b'"maxAttempts":', b'"x"', b'{"type":"universal.create","request":',
])  # fmt: skip


@given(st.one_of(st.binary(max_size=50), st.lists(PIECES, max_size=20).map(b"".join)))
def test_any_bytes_are_one_of_the_messages(data: bytes) -> None:
    message = decode(data)
    assert type(message) in (Create, BadCreate, Cancel, Ping, Unusable)
    if isinstance(message, BadCreate | Unusable):
        assert json.loads(messages.error(message.fault, None))["error"]["message"] == message.fault.detail


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.lists(JSON, min_size=1, max_size=3), st.booleans())
def test_a_query_stays_the_clients_bytes(queries: list[object], spaced: bool) -> None:
    separators = (" , ", " : ") if spaced else (",", ":")
    texts = [json.dumps(query, separators=separators) for query in queries]
    steps = ",".join(f'{{"query":{text},"provider":"p","endpoint":"e"}}' for text in texts)
    message = decode(create(f"[{steps}]", ',"eventId":"b"'))
    assert isinstance(message, Create)
    assert [one.query for one in message.steps] == [text.encode() for text in texts]
    assert message.event_id == "b"


def test_half_a_surrogate_pair_in_the_id_of_a_cancel_is_replaced() -> None:
    assert decode(b'{"type":"universal.cancel","eventId":"\\ud800"}') == Cancel("\ufffd")


LIMITS = Limits(steps_per_request=3, headers_per_step=2, head_bytes=1024)
WIDE = Limits(head_bytes=1024)


@pytest.mark.parametrize(("data", "limits", "detail"), [
    (create(f"[{','.join([STEP] * 4)}]", ',"eventId":"b"'), LIMITS, "request has more than 3 steps, which steps_per_request allows"),
    (create(f"[{','.join([STEP] * 17)}]", ',"eventId":"b"'), Limits(), "request has more than 16 steps, which steps_per_request allows"),
    (create(f"[{','.join([STEP] * 3)},7]", ',"eventId":"b"'), LIMITS, "request has more than 3 steps, which steps_per_request allows"),
    (create(f'[{STEP},{STEP},{STEP},{{"query":"\\ud83d","provider":"p","endpoint":"e"}}]', ',"eventId":"b"'), LIMITS,
     "request has more than 3 steps, which steps_per_request allows"),
    (create(f"[{','.join([STEP] * 3)}]", ',"eventId":"b"'), Limits(attempts_per_exchange=2),
     "request has more than 2 steps, which attempts_per_exchange allows"),
    (fields('"eventId":"b","headers":{"a":"1","b":"2","c":"3"}'), LIMITS, "request.headers has 3 headers; headers_per_step allows 2"),
    (fields('"eventId":"b","authorization":"x","headers":{"a":"1","b":"2"}'), LIMITS,
     "request.headers has 3 headers; headers_per_step allows 2"),
    (create(f'[{STEP},{{"provider":"p","endpoint":"e","headers":{{"a":1,"b":2,"c":3}}}}]', ',"eventId":"b"'), LIMITS,
     "request[1].headers has 3 headers; headers_per_step allows 2"),
    (fields('"eventId":"b","headers":{"a":"%s"}' % ("x" * 1023)), WIDE,
     "request has 1025 bytes in its endpoint and its headers together; head_bytes allows 1024"),
    (fields('"eventId":"b","authorization":"%s"' % ("x" * 1024)), WIDE,
     "request has 1025 bytes in its endpoint and its headers together; head_bytes allows 1024"),
    (fields('"eventId":"b","headers":{"a":"%s"}' % ("\u00e9" * 512)), WIDE,
     "request has 1026 bytes in its endpoint and its headers together; head_bytes allows 1024"),
    (create('{"provider":"p","eventId":"b","endpoint":"%s"}' % ("\u00e9" * 513)), WIDE,
     "request has 1026 bytes in its endpoint and its headers together; head_bytes allows 1024"),
    (create('{"provider":"p","eventId":"b","endpoint":"%s"}' % ("e" * 1025)), WIDE,
     "request has 1025 bytes in its endpoint and its headers together; head_bytes allows 1024"),
    (fields('"eventId":"b","headers":{"a":%s1}' % (" " * 6144)), WIDE,
     "request has 6151 bytes in its endpoint and its headers together; head_bytes allows 1024"),
])  # fmt: skip
def test_a_request_over_a_limit_is_refused_by_its_name(data: bytes, limits: Limits, detail: str) -> None:
    assert decode(data, limits) == BadCreate("b", Fault(INVALID, Side.CLIENT, detail))


@pytest.mark.parametrize(("data", "limits"), [
    (create(f"[{','.join([STEP] * 3)}]"), LIMITS),
    (create(f"[{','.join([STEP] * 16)}]"), Limits()),
    (fields('"headers":{"a":"1","b":"2"}'), LIMITS),
    (fields('"authorization":"x","headers":{"a":"1"}'), LIMITS),
    (fields('"headers":{"a":"%s"}' % ("\\u0041" * 1022)), WIDE),
    (create('{"provider":"p","endpoint":"%s"}' % ("e" * 1024)), WIDE),
    (fields('"headers":' + json.dumps({f"h{number}": 1 for number in range(100)})), Limits()),
])  # fmt: skip
def test_a_request_at_its_limits_is_read(data: bytes, limits: Limits) -> None:
    assert isinstance(decode(data, limits), Create)


@pytest.mark.parametrize("data", [
    create("[" + ",".join([STEP] * 20_000) + "]"),
    create("[" + ",".join([STEP] * 20_000) + ',{"query":"\\ud83d"}]'),
    fields('"headers":{' + ",".join(f'"h{number}":1' for number in range(60_000)) + "}"),
    fields('"query":"\\ud83d"' + ',"a":1' * 100_000),
])  # fmt: skip
def test_no_object_is_made_for_what_is_over_a_limit_or_not_read(data: bytes) -> None:
    """A byte of a message costs at most a few bytes, for copies of the text; it was 27 for small steps."""
    decode(data)
    tracemalloc.start()
    decode(data)
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert highest < 4 * len(data)
