"""Recorded requests: each client's means the same when it was read and written again, and what one provider was sent
means for another what that one was sent.

The recordings are of several client libraries. Asked for the same, they say it to each provider in their own way, and
the models had said different things before. :mod:`tests.tables.recorded_choices` names what differs for that reason, in
each group. What a translation changes on its own must be in its notes.
"""

import csv
import functools
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.reading.prompts import unexplained
from tests.reading.provider_requests import read_body, read_provider_request
from tests.reading.recordings import FOLDER, needs_recordings
from tests.reading.shapes import differences
from tests.tables.recorded_choices import CHOICES

from aigw_sansio.translate import (
    CLIENT_FORMATS,
    REQUEST_FORMATS,
    Note,
    Prompt,
    Refused,
    read_request,
    translate_request,
    write_request,
)
from aigw_sansio.translate.registry import find_format

pytestmark = needs_recordings

#: Formats of the recordings that are known under another name.
FORMATS = {
    "azure-ai-inference": "openai-like",
    "azure-anthropic": "anthropic-messages",
    "azure-responses": "openai-responses",
    "bedrock-invoke-anthropic": "bedrock-anthropic",
    "bedrock-mantle-chat": "openai-like",
    "bedrock-mantle-responses": "openai-responses",
    "gpustack": "openai-like",
    "ollama-chat": "openai-like",  # Ollama's own name for its path /v1/chat/completions; here that of /api/chat
    "ollama-cloud": "openai-like",
    "ollama-native": "ollama-chat",
    "snowflake": "openai-like",
    "vercel-gateway": "openai-like",
    "writer": "openai-like",
    "xai-responses": "openai-responses",
    "zai": "openai-like",
}
#: What else a provider could have been asked in: Ollama means the same by both of its chat APIs.
ALSO = {"ollama-chat": "ollama-chat", "ollama-cloud": "ollama-chat"}
#: Notes on one field that explain a change of another: a form of output is said by a tool or by an instruction.
EXPLAINED_BY = {
    "parallel_tool_calls": {"output", "tool_choice"},
    "tool_choice": {"output", "tools"},
    "tools": {"output", "tool_choice"},
    "turns": {"output", "tools", "tool_choice", "instructions"},
}


@dataclass(frozen=True)
class Request:
    """One recorded request."""

    group: str
    provider: str
    step: str
    format: str
    model: str
    file: str
    asked: tuple[str, ...]  # the formats in which we ask that provider

    @functools.cached_property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads((Path(FOLDER or "") / "translation" / self.file).read_bytes())
        return body


def requests() -> Iterator[Request]:
    index = Path(FOLDER or "") / "translation" / "INDEX.tsv"
    if FOLDER is not None and index.exists():
        with index.open(newline="") as rows:
            for row in csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE):
                format = FORMATS.get(row["format"], row["format"])
                if format in REQUEST_FORMATS:
                    asked = (format, *filter(None, [ALSO.get(row["format"])]))
                    yield Request(
                        row["group"], row["provider"], row["step"], format, row["model"], row["request"], asked
                    )


def parallel_groups() -> dict[str, list[list[Request]]]:
    """The groups in which every provider was asked the same, by their steps."""
    with (Path(FOLDER or "") / "translation" / "GROUPS.tsv").open(newline="") as rows:
        kinds = {row["group"]: row["kind"] for row in csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE)}
    steps: dict[tuple[str, str], list[Request]] = defaultdict(list)
    for request in REQUESTS:
        if kinds[request.group] == "parallel":
            steps[request.group, request.step].append(request)
    groups: dict[str, list[list[Request]]] = defaultdict(list)
    for (group, _), some in steps.items():
        groups[group].append(some)
    return groups


REQUESTS = list(requests())
OF_CLIENTS = [request for request in REQUESTS if request.format in CLIENT_FORMATS]
PARALLEL = parallel_groups() if REQUESTS else {}


@pytest.mark.parametrize("request_", OF_CLIENTS, ids=lambda one: one.file)
def test_a_request_of_a_client_means_the_same_when_it_is_written_again(request_: Request) -> None:
    read = read_request(request_.body, request_.format)
    assert not isinstance(read, Refused), read
    prompt, notes = read
    written = write_request(prompt, request_.format)
    assert not isinstance(written, Refused), written
    again = read_request(msgspec.json.decode(msgspec.json.encode(written[0].body)), request_.format)
    assert not isinstance(again, Refused), again
    names = find_format(request_.format).names
    more = (*notes, *written[1])
    assert unexplained(prompt, again[0], more, names=names, ignore=["include_usage"], loose=True) == []


@pytest.mark.parametrize("group", PARALLEL)
def test_a_request_to_one_provider_means_the_same_for_another(group: str) -> None:
    compared = 0
    choices: Counter[str] = Counter()
    for requests_ in PARALLEL[group]:
        for source, target in itertools.permutations(requests_, 2):
            for format in target.asked if source.format in CLIENT_FORMATS else ():
                compared += compare(source, target, format, choices)
    assert choices == {field: count for field, (count, _) in CHOICES.get(group, {}).items()}
    if any(request.format in CLIENT_FORMATS for some in PARALLEL[group] if len(some) > 1 for request in some):
        assert compared or all(is_refused(some) for some in PARALLEL[group])


def is_refused(requests_: list[Request]) -> bool:
    return all(
        isinstance(translate_request(source.body, source=source.format, target=format), Refused)
        for source in requests_
        if source.format in CLIENT_FORMATS
        for target in requests_
        for format in target.asked
    )


def compare(source: Request, target: Request, format: str, choices: Counter[str]) -> bool:
    """Whether ``source`` can be asked of the other provider in ``format``; then compare it with what that one was sent.
    Fields in which only the two clients differ are counted in ``choices``."""
    result = translate_request(source.body, source=source.format, target=format, model=target.model)
    if isinstance(result, Refused):
        assert result.field.partition("[")[0].partition(".")[0] in REFUSED, result
        return False
    found = read_provider_request(result.request, format)
    sent = read_body(target.body, target.format)
    changed = {field: (asked, said) for field, asked, said in differences(result.prompt, found)}
    for field, _, _ in differences(found, sent):
        if field not in changed:
            choices[field] += 1
    for field, (asked, said) in changed.items():
        assert is_noted(field, result.notes), f"{source.file} to {target.file}: {field} was {asked}, is {said}"
    return True


def is_noted(field: str, notes: tuple[Note, ...]) -> bool:
    roots = {note.field.partition(".")[0].partition("[")[0] for note in notes}
    return bool(roots & {field, *EXPLAINED_BY.get(field, ())})


#: What a target may refuse: media that it does not take or fetch, tools of another vendor, history that it has not.
REFUSED = {"turns", "tools", "previous_response_id"}


def test_what_was_sent_to_each_provider_can_be_read() -> None:
    """The readers of tests read every recorded request of their formats."""
    formats = {request.format for request in REQUESTS if isinstance(read_body(request.body, request.format), Prompt)}
    assert {"gemini", "bedrock-converse", "cohere-v2", "mistral", *CLIENT_FORMATS} <= formats
