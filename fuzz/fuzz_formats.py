"""No bytes make a reader raise, and every event that is read can be written as JSON.

``python -m fuzz.fuzz_formats --seconds 60``.
"""

import msgspec
from fuzz._fuzz import main

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.classify import (
    classify,
)
from aigw_sansio.formats.realtime import REALTIME_FORMATS, make_realtime_reader
from aigw_sansio.formats.registry import (
    FORMATS,
    make_reader,
)

_SHAPES = (
    b'{"choices":[{"index":0,"delta":{"content":"a","tool_calls":[{"index":0,"id":"c","function":{"name":"f"}}]}}]}',
    b'{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","call_id":"c"}}',
    b'{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}',
    b'{"candidates":[{"content":{"parts":[{"functionCall":{"partialArgs":[{"jsonPath":"$.a[0].b","stringValue":"x"}],'
    b'"name":"f","willContinue":true}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1}}',
    b'{"contentBlockDelta":{"contentBlockIndex":0,"delta":{"text":"a"}}}',
    b'{"bytes":"eyJnZW5lcmF0aW9uIjoiYSJ9","p":"abc"}',
    b'{"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":1}}}}',
    b'{"error":{"message":"m","code":1},"usage":{"prompt_tokens":1e3}}',
    b'{"serverContent":{"modelTurn":{"parts":[{"text":"a"}]},"turnComplete":true},"usageMetadata":{}}',
    b'{"audio":"AAAA","isFinal":true,"alignment":{"chars":["a"]}}',
)
#: Two bytes that choose the format and the way of reading, then chunks between line feeds.
SEEDS = [bytes([format, 0]) + shape + b"\n" + shape for format in range(len(FORMATS)) for shape in _SHAPES]


def target(data: bytes) -> None:
    """Read ``data`` as the chunks of a stream, as a whole answer and as realtime messages."""
    which, how, body = (data[0], data[1], data[2:]) if len(data) > 1 else (0, 0, data)
    reader = make_reader(FORMATS[which % len(FORMATS)])
    for line in body.split(b"\n"):
        events = reader.read(Chunk(line, ("", "error", "done", "output")[how & 3], bool(how & 4)))
        classify(events)
        msgspec.json.encode(events)
    msgspec.json.encode(reader.finish())
    msgspec.json.encode(make_reader(FORMATS[which % len(FORMATS)]).read_whole(body))
    realtime = make_realtime_reader(REALTIME_FORMATS[which % len(REALTIME_FORMATS)])
    for line in body.split(b"\n"):
        msgspec.json.encode(realtime.read_message(line, is_text=not how & 8))


if __name__ == "__main__":
    main(target, SEEDS)
