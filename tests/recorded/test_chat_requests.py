"""Recorded requests in Chat Completions: reading, writing for the same provider and reading again keeps the meaning."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.reading.recordings import FOLDER, needs_recordings

from aigw_sansio.formats import mistral
from aigw_sansio.formats.openai.chat_request import read_request, write_request
from aigw_sansio.formats.openai.quirks import WRITERS
from aigw_sansio.formats.request_functions import WriteRequest
from aigw_sansio.formats.translation import Note, Refused, WireRequest
from aigw_sansio.prompt import Prompt

#: By the name of a format in the index: what writes it.
WRITE: dict[str, WriteRequest] = {**WRITERS, "openai-chat": write_request, "mistral": mistral.write_request}
#: Formats that are Chat Completions too, without a writer of their own.
OTHERS = (
    "azure-ai-inference", "gpustack", "vercel-gateway", "zai", "snowflake", "ollama-cloud", "bedrock-mantle-chat",
    "gemini-openai-compat", "anthropic-openai-compat", "writer",
)  # fmt: skip


@dataclass(frozen=True)
class Request:
    """One recorded request, and whether the provider took it."""

    file: str
    format: str
    path: str
    accepted: bool

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads((Path(FOLDER or "") / "translation" / self.file).read_bytes())
        return body

    @property
    def writer(self) -> WriteRequest:
        return WRITE.get(self.format, WRITERS["openai-like"])


def requests() -> Iterator[Request]:
    if FOLDER is None:
        return
    with (Path(FOLDER) / "translation" / "INDEX.tsv").open(encoding="utf-8") as index:
        for row in csv.DictReader(index, delimiter="\t"):
            if row["format"] in WRITE or row["format"] in OTHERS:
                yield Request(row["request"], row["format"], row["path"], row["status"] == "200")


REQUESTS = list(requests())


def read(request: Request) -> tuple[Prompt, list[Note]]:
    notes: list[Note] = []
    prompt = read_request(request.body, notes)
    assert isinstance(prompt, Prompt), (request.file, prompt)
    return prompt, notes


def write(request: Request, writer: WriteRequest) -> tuple[WireRequest | Refused, list[Note]]:
    notes: list[Note] = []
    return writer(read(request)[0], notes), notes


@needs_recordings
def test_every_request_is_read_without_a_loss() -> None:
    assert len(REQUESTS) > 200
    lost = {(request.format, note.field) for request in REQUESTS for note in read(request)[1]}
    # a setting of Z.ai's, which no other vendor has
    assert lost <= {("zai", "thinking.clear_thinking")}


@needs_recordings
def test_nothing_is_lost_that_no_note_names() -> None:
    """Written for its own provider and read again, a request is the same, or a note says what is not."""
    for request in REQUESTS:
        prompt, _ = read(request)
        written, notes = write(request, request.writer)
        if isinstance(written, Refused):
            continue
        json.dumps(written.body)
        again = read_request(written.body, [])
        assert isinstance(again, Prompt)
        noted = {note.field.partition(".")[0].partition("[")[0] for note in notes}
        before, after = meaning(prompt), meaning(again)
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        assert changed <= noted, request.file


def meaning(prompt: Prompt) -> dict[str, Any]:
    """The fields without what says the same as nothing (one choice, a schema that is not enforced), and neighbouring
    texts as one."""
    fields: dict[str, Any] = msgspec.to_builtins(prompt)
    if fields.get("choice_count") == 1:
        del fields["choice_count"]
    return {name: simplified(value) for name, value in fields.items()}


def simplified(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: simplified(one) for name, one in value.items() if (name, one) != ("strict", False)}
    if not isinstance(value, list | tuple):
        return value
    simple: list[Any] = []
    for one in map(simplified, value):
        if simple and is_text(one) and is_text(simple[-1]):
            simple[-1] = {"type": "text", "text": simple[-1]["text"] + "\n" + one["text"]}
        else:
            simple.append(one)
    return simple


def is_text(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"type", "text"}


@needs_recordings
def test_requests_that_were_accepted_are_not_refused() -> None:
    refused = {
        request.file: written
        for request in REQUESTS
        if request.accepted and request.format in WRITE
        for written, _ in [write(request, request.writer)]
        if isinstance(written, Refused)
    }
    assert refused == {}


@needs_recordings
def test_nothing_that_was_accepted_is_dropped() -> None:
    """A note for a request that the provider took as it was is a quirk that it does not have."""
    dropped = {
        (request.file, note.field)
        for request in REQUESTS
        if request.accepted and request.format in WRITE
        for note in write(request, request.writer)[1]
        if note.kind != "mapped"
    }
    assert dropped == set()


@needs_recordings
def test_paths_are_those_of_the_providers() -> None:
    for request in REQUESTS:
        written, _ = write(request, request.writer)
        if isinstance(written, WireRequest) and request.format in WRITE and request.format != "huggingface":
            assert request.path.partition("?")[0].endswith("/" + written.path), request.file


@needs_recordings
@pytest.mark.parametrize("target", [*WRITE])
def test_every_conversation_goes_on_with_every_target(target: str) -> None:
    """Each call has its result behind it, with the same id, and no message is null or empty."""
    for request in REQUESTS:
        written, notes = write(request, WRITE[target])
        if isinstance(written, Refused):
            assert written.why.endswith(".")
            continue
        assert all(note.why.endswith(".") for note in notes)
        waiting: list[str] = []
        messages = written.body["messages"]
        assert isinstance(messages, list)
        for message in messages:
            if message["role"] == "tool":
                waiting.remove(message["tool_call_id"])
                continue
            assert waiting == [], request.file
            assert message.get("content") or message.get("tool_calls"), request.file
            waiting = [call["id"] for call in message.get("tool_calls", [])]
