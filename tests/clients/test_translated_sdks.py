"""The official libraries of OpenAI and Anthropic, strict about types, read what is written for their users.

A small HTTP server takes their requests, has them translated for the provider of a recording, and answers with the
recording, translated. Whatever the libraries put together is read again and compared with what the provider said.

Run with ``pip install -e '.[clients]'`` and ``AIGW_CLIENTS=1 python -m pytest tests/clients/test_translated_sdks.py``.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.reading.recordings import RECORDINGS, TRANSLATIONS, Recording, needs_recordings
from tests.reading.written_answers import put_together, same_answers
from tests.rigs.client_gateway import library, wants_clients

from aigw_sansio import events as e
from aigw_sansio.bodies.framing import Framing
from aigw_sansio.formats.registry import make_reader
from aigw_sansio.translate import (
    REQUEST_FORMATS,
    AnswerTranslator,
    Refused,
    answer_context,
    translate_answer,
    translate_request,
)
from aigw_sansio.translate.registry import find_format

pytestmark = [wants_clients, needs_recordings]

PATHS = {
    "/v1/chat/completions": "openai-chat",
    "/v1/responses": "openai-responses",
    "/v1/messages": "anthropic-messages",
}
ALL = [*RECORDINGS, *TRANSLATIONS]
#: OpenAI streams calls of custom tools, and its library's types do not know them. An image's previews are no images.
UNKNOWN = {
    ("openai-chat", "openai-responses/vercel-openai-custom-tool-1.sse"),
    ("openai-chat", "openai-responses/vercel-openai-image-generation-tool-1.sse"),
    ("openai-responses", "openai-responses/vercel-openai-image-generation-tool-1.sse"),
}
CLASSES = {400: "BadRequestError", 401: "AuthenticationError", 403: "PermissionDeniedError", 404: "NotFoundError",
           409: "ConflictError", 422: "UnprocessableEntityError", 429: "RateLimitError"}  # fmt: skip


def provider_of(recording: Recording) -> str | None:
    """A format of requests that is answered in the format and the framing of ``recording``."""
    for name in REQUEST_FORMATS:
        form = find_format(name)
        if form.answers == recording.format and recording.framing in (Framing.WHOLE, form.framing):
            return name
    return None


ANSWERED = [(number, recording) for number, recording in enumerate(ALL) if provider_of(recording) is not None]
WHOLE = [(number, one) for number, one in ANSWERED if one.framing is Framing.WHOLE]
STREAMED = [(number, one) for number, one in ANSWERED if one.framing is not Framing.WHOLE]


class Shim(BaseHTTPRequestHandler):
    """One connection of a library. The header ``x-recording`` is the number of the recording that answers."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # what is written is sent at once when it is flushed

    def log_message(self, format: str, *args: object) -> None:
        """Tell nobody."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        recording = ALL[int(self.headers["x-recording"])]
        source, target = PATHS[self.path], provider_of(recording)
        assert target is not None
        asked = translate_request(body, source=source, target=target)
        assert not isinstance(asked, Refused), asked
        context = answer_context(asked.prompt, target, id="01", created=1_700_000_000, request=asked.request)
        if not asked.prompt.stream:
            answer = translate_answer(recording.body, target=source, context=context, status=recording.status)
            self._reply(answer.status, "application/json", answer.body)
            return
        translator = AnswerTranslator(target=source, context=context, provider=target)
        half = len(recording.body) // 2
        written = translator.feed(recording.body[:half]) + translator.feed(recording.body[half:]) + translator.finish()
        self._reply(200, "text/event-stream", written)

    def _reply(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shim)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def openai(url: str) -> Iterator[Any]:
    module = library("openai")
    with module.OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0, _strict_response_validation=True) as client:
        yield client


@pytest.fixture(scope="module")
def anthropic(url: str) -> Iterator[Any]:
    module = library("anthropic")
    with module.Anthropic(api_key="k", base_url=url, max_retries=0, _strict_response_validation=True) as client:
        yield client


HELLO = [{"role": "user", "content": "Hello"}]
PARAMETERS = {"type": "object", "properties": {}}


class Library:
    """One format, as its library speaks it."""

    def __init__(self, format: str, module: Any, client: Any) -> None:
        self.format, self.module, self.client = format, module, client

    def ask(self, number: int) -> Any:
        """A whole answer."""
        headers = {"x-recording": str(number)}
        if self.format == "openai-chat":
            return self.client.chat.completions.create(model="m", messages=HELLO, extra_headers=headers)
        if self.format == "openai-responses":
            return self.client.responses.create(model="m", input="Hello", extra_headers=headers)
        return self.client.messages.create(model="m", max_tokens=100, messages=HELLO, extra_headers=headers)

    def plain(self, number: int) -> list[Any]:
        """All chunks of a stream."""
        headers = {"x-recording": str(number)}
        if self.format == "openai-chat":
            stream = self.client.chat.completions.create(
                model="m", messages=HELLO, stream=True, stream_options={"include_usage": True}, extra_headers=headers
            )
        elif self.format == "openai-responses":
            stream = self.client.responses.create(model="m", input="Hello", stream=True, extra_headers=headers)
        else:
            stream = self.client.messages.create(
                model="m", max_tokens=100, messages=HELLO, stream=True, extra_headers=headers
            )
        return list(stream)

    def put_together(self, number: int) -> Any:
        """What the library's own helper makes of a stream."""
        headers = {"x-recording": str(number)}
        if self.format == "openai-chat":
            with self.client.chat.completions.stream(
                model="m", messages=HELLO, stream_options={"include_usage": True}, extra_headers=headers
            ) as stream:
                stream.until_done()
                return stream.get_final_completion()
        if self.format == "openai-responses":
            with self.client.responses.stream(model="m", input="Hello", extra_headers=headers) as stream:
                stream.until_done()
                return stream.get_final_response()
        with self.client.messages.stream(model="m", max_tokens=100, messages=HELLO, extra_headers=headers) as stream:
            return stream.get_final_message()

    def error_class(self, status: int) -> type[Exception]:
        """The exception for a status."""
        name = CLASSES.get(status, "InternalServerError" if status >= 500 else "APIStatusError")
        found: type[Exception] = getattr(self.module, name)
        return found


def cut_short(events: list[e.ProviderEvent]) -> bool:
    """Whether the answer failed, or ended by a limit, a filter or nobody knows why: the helpers of OpenAI's library put
    no such answer together."""
    ends = [one for one in events if isinstance(one, e.ResponseFinished)]
    failed = any(
        isinstance(one, e.ResponseFailed) or (isinstance(one, e.ResponseStarted) and one.restarted) for one in events
    )
    return failed or not ends or any(one.reason not in ("stop", "tool_calls", "pause") for one in ends)


FORMATS = ["openai-chat", "openai-responses", "anthropic-messages"]


@pytest.fixture(params=FORMATS)
def speaker(request: pytest.FixtureRequest, openai: Any, anthropic: Any) -> Library:
    if request.param == "anthropic-messages":
        return Library(request.param, library("anthropic"), anthropic)
    return Library(request.param, library("openai"), openai)


def test_whole_answers(speaker: Library) -> None:
    faults: list[str] = []
    answered = refused = 0
    for number, recording in WHOLE:
        before = recording.events(find_format(provider_of(recording) or "").answers)
        try:
            found = speaker.ask(number)
        except speaker.module.APIStatusError as error:
            refused += 1
            if type(error) is speaker.module.APIStatusError:
                faults.append(f"{recording.file}: {error.status_code} has no class of its own")
            elif not error.message or not isinstance(error.body, dict):
                faults.append(f"{recording.file}: no message")
        except Exception as error:
            faults.append(f"{recording.file}: {type(error).__name__}: {error!s:.500}")
        else:
            answered += 1
            after = make_reader(speaker.format).read_whole(found.to_json(exclude_unset=True).encode())
            expected, seen = same_answers(speaker.format, before, after, whole=True)
            if expected != seen:
                faults.append(f"{recording.file}:\n  {expected}\n  {seen}")
    assert not faults, "\n".join([f"{len(faults)} of {len(WHOLE)}", *faults])
    assert answered > 300
    assert refused > 30


def test_streams(speaker: Library) -> None:
    faults: list[str] = []
    compared = failed = 0
    for number, recording in STREAMED:
        if (speaker.format, recording.file) in UNKNOWN:
            continue
        before = recording.events()
        for way in (speaker.plain, speaker.put_together):
            try:
                found = way(number)
            except speaker.module.APIError as error:
                failed += 1
                if isinstance(error, speaker.module.APIResponseValidationError):
                    faults.append(f"{recording.file}: {way.__name__}: {error} {error.__cause__!s:.600}")
            except Exception as error:
                if way != speaker.put_together or not cut_short(before):
                    faults.append(f"{recording.file}: {way.__name__}: {type(error).__name__}: {error!s:.600}")
            else:
                if isinstance(found, list):
                    continue
                body = found.to_json(exclude_unset=True).encode()
                after = make_reader(speaker.format).read_whole(body)
                if put_together(after).failed is None:
                    compared += 1
                    expected, seen = same_answers(speaker.format, before, after, whole=True)
                    if expected != seen:
                        faults.append(f"{recording.file}:\n  {expected!s:.1500}\n  {seen!s:.1500}")
    assert not faults, "\n".join([f"{len(faults)} of {len(STREAMED)}", *faults])
    assert compared > 100
