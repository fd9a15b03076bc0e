"""Any bytes are one client message or say why not: no exception, our texts are JSON, queries stay the client's bytes.

``python -m fuzz.fuzz_universal_messages --seconds 60``.
"""

import json

from fuzz._fuzz import main
from fuzz._transcripts import messages as seeds

from aigw_sansio.dialects.universal import decode as universal
from aigw_sansio.dialects.universal import messages
from aigw_sansio.faults import error_envelope
from aigw_sansio.json_text import valid_json

SEEDS: list[bytes] = [
    b'{"type":"universal.ping"}',
    b'{"type":"universal.cancel","eventId":"a"}',
    b'\xef\xbb\xbf{"type":"universal.create","eventId":"a","request":{"provider":"openai","endpoint":"v1/chat/completions",'
    b'"headers":{"a":"b","n":1,"o":{"x":[null]}},"authorization":"Bearer k","query":{"t":"\\ud83d"},"method":"POST"}}',
    b'{"request":[{"provider":"p","endpoint":"e","eventId":"\xc3\xa9","query":[1, 2.50],"config":{"requestTimeout":1.5,'
    b'"maxAttempts":5,"retryDelay":0,"backoff":"linear","response":"both"}},{"provider":"q","endpoint":""}],"type":"universal.create"}',
    b'{"type":"universal.create","request":[]}',
    b'{"type":"universal.create","request":{"provider":1,"endpoint":"\\ud800","eventId":"' + b"x" * 257 + b'"}}',
    b'{"type":"universal.create","request":{"query":"\\ud83d","query":2},"request":{"provider":"p","endpoint":"e","query":"\\ude00"}}',
    b"[" * 1000,
    b'{"type":' + b'{"type":[' * 200 + b"]}" * 200 + b"}",
    b'{"type":"universal.create","request":NaN}',
    *seeds(),
]


def target(data: bytes) -> None:
    """One fuzz input."""
    message = universal.decode(data)
    if isinstance(message, universal.Create):
        assert message.steps
        for step in message.steps:
            assert all(isinstance(name, str) and isinstance(value, str) for name, value in step.headers)
            if step.query is not None:
                assert step.query in data
                assert valid_json(step.query) == step.query
    elif isinstance(message, universal.Cancel):
        assert 1 <= len(message.event_id) <= universal.MAX_EVENT_ID
    elif isinstance(message, universal.BadCreate | universal.Unusable):
        said = json.loads(messages.error(message.fault, None, getattr(message, "event_id", None)))
        assert said["error"]["message"] == message.fault.detail
        assert json.loads(error_envelope(message.fault))["error"][0]["message"] == message.fault.detail
        assert len(message.fault.detail) < 400
    else:
        assert isinstance(message, universal.Ping)
    if isinstance(message, universal.Create | universal.BadCreate) and message.event_id is not None:
        assert 1 <= len(message.event_id) <= universal.MAX_EVENT_ID
        metadata = messages.Metadata(cache_status="MISS", event_id=message.event_id)
        assert json.loads(messages.created(metadata, None))["metadata"]["eventId"] == message.event_id


if __name__ == "__main__":
    main(target, SEEDS)
