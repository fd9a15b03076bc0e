"""OpenAI's Assistants format."""

from tests.reading.formats import read_all, sse

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.errors import response_failed
from aigw_sansio.formats.registry import make_reader


def test_an_assistants_run() -> None:
    run = {"object": "thread.run", "id": "run", "model": "gpt"}
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    step = {"object": "thread.run.step.delta", "delta": {"step_details": {"tool_calls": [call]}}}
    usage = {"prompt_tokens": 2, "completion_tokens": 3}
    chunks = sse({**run, "status": "queued"}, step, {**run, "status": "requires_action", "usage": usage})
    assert read_all("openai-assistants", [*chunks, Chunk(b"[DONE]", "done")]) == [
        e.ResponseStarted("run", "gpt"),
        e.ToolCallStarted(0, "c", "f"),
        e.UsageReported(2, 3),
        e.ToolCallDelta(0, "{}"),  # it could be a placeholder until the end
        e.ResponseFinished("tool_calls", "requires_action"),
    ]
    failed = {**run, "status": "failed", "last_error": {"code": "rate_limit", "message": "m"}}
    assert read_all("openai-assistants", sse(failed))[1:] == [response_failed("m", None, "rate_limit")]


def test_the_end_of_the_format() -> None:
    reader = make_reader("openai-assistants")
    run = {"object": "thread.run", "id": "run", "status": "completed"}
    reader.read(sse(run)[0])
    assert reader.finish_seen
    assert not reader.terminated
    reader.read(Chunk(b"{}", "done"))
    assert reader.terminated
