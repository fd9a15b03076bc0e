"""``aigw read``: the lines it gives for files of every framing."""

import csv
import json
import re
from pathlib import Path

import msgspec
import pytest
from tests.reading.recordings import FOLDER, RECORDINGS, needs_recordings

from aigw_drivers.cli.given import WrongOption
from aigw_drivers.cli.read import ReadError, read_file

STREAM = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def lines(path: Path, body: bytes, **options: object) -> list[dict[str, object]]:
    path.write_bytes(body)
    return [json.loads(line) for line in read_file(path, **options)]  # type: ignore[arg-type]


def test_a_stream_is_told_by_its_content(tmp_path: Path) -> None:
    assert lines(tmp_path / "answer", STREAM) == [
        {"type": "response.started"},
        {"type": "text.delta", "text": "Hi"},
        {"type": "response.finished", "reason": "stop", "raw_reason": "stop"},
    ]


@pytest.mark.parametrize("name", ["a.json", "a.txt", "a.bin", "a.sse"])
def test_an_event_stream_is_one_under_any_type_that_servers_give_it(name: str, tmp_path: Path) -> None:
    for kind in (None, "application/json", "text/plain; charset=utf-8"):
        read = lines(tmp_path / name, b"\n: ping\n\n" + STREAM + b"data: behind the end\n\n", content_type=kind)
        assert [line["type"] for line in read] == ["response.started", "text.delta", "response.finished"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"Internal Server Error\n\n", "Internal Server Error"),
        (b": ping\n\ndata: [DONE]\n\n", "the provider's stream ended with nothing in it"),
        (b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}\n\n', "the response finished with error"),
        (b'error: {"message":"busy"}\n\n', "busy"),
    ],
)
def test_a_stream_that_is_no_response_has_failed(body: bytes, message: str, tmp_path: Path) -> None:
    *_, last = lines(tmp_path / "a.sse", body, format="openai-chat")
    assert (last["type"], last["message"]) == ("response.failed", message)


def test_the_type_wins_over_the_name(tmp_path: Path) -> None:
    body = b'{"model":"m","created_at":"t","response":"a","done":false}\n{"model":"m","created_at":"t","done":true}\n'
    read = lines(tmp_path / "answer.json", body, content_type="application/x-ndjson")
    assert [line["type"] for line in read] == ["response.started", "text.delta", "response.finished"]


def test_an_error_status_is_read_whole(tmp_path: Path) -> None:
    body = b'{"error":{"code":404,"message":"no such model","status":"NOT_FOUND"}}'
    assert lines(tmp_path / "answer.sse", body, status=404, provider="google") == [
        {
            "type": "response.failed",
            "message": "no such model",
            "kind": "NOT_FOUND",
            "code": "404",
            "error_class": "not_found",
            "status": 404,
        }
    ]


def test_a_provider_stands_in_where_the_content_does_not_tell(tmp_path: Path) -> None:
    body = b'{"message":"bad key","hint":"none"}'
    assert lines(tmp_path / "a.json", body) == []
    assert lines(tmp_path / "a.json", body, provider="cohere", status=401)[0]["type"] == "response.failed"


def test_a_body_that_is_an_error_and_nothing_else_needs_no_provider(tmp_path: Path) -> None:
    failed = {"type": "response.failed", "message": "bad key"}
    for body in (b'{"message":"bad key"}', b'{"id":"1","message":"bad key"}', b'{"detail":"bad key"}'):
        assert lines(tmp_path / "a.json", body, status=401)[0].items() >= failed.items()


def test_a_late_member_tells_the_format(tmp_path: Path) -> None:
    text = "x" * 100_000
    body = b'{"id":"c","message":{"content":[{"type":"text","text":"%b"}]},"finish_reason":"COMPLETE"}' % text.encode()
    assert lines(tmp_path / "a.json", body)[1] == {"type": "text.delta", "text": text}


def test_a_format_is_taken_as_it_is(tmp_path: Path) -> None:
    read = lines(tmp_path / "a.sse", STREAM, format="anthropic-messages")
    assert [line["type"] for line in read] == ["unrecognised", "response.finished"]
    assert lines(tmp_path / "a.sse", STREAM, format="groq")[1]["text"] == "Hi"


def test_a_json_array_is_a_stream_of_gemini(tmp_path: Path) -> None:
    parts = [b'{"candidates":[{"content":{"parts":[{"text":"%b"}]}}]}' % text for text in (b"a", b"b")]
    body = b"[" + b"\n,\r\n".join(parts) + b"]"
    read = lines(tmp_path / "a.json", body)
    assert [line.get("text") for line in read] == [None, "a", "b", None]


@pytest.mark.parametrize("options", [{"provider": "nobody"}, {"format": "nothing"}])
def test_unknown_names_are_refused_with_the_known_ones(tmp_path: Path, options: dict[str, str]) -> None:
    with pytest.raises(WrongOption, match=r"known are .*open"):
        lines(tmp_path / "a.json", b"{}", **options)


def test_a_body_that_breaks_off_is_said_after_what_it_held(tmp_path: Path) -> None:
    path = tmp_path / "a.eventstream"
    path.write_bytes(b"\0\0\0\x20\0\0")
    with pytest.raises(ReadError, match="ended inside"):
        list(read_file(path))


@needs_recordings
def test_recordings_read_as_the_tap_reads_them() -> None:
    for recording in RECORDINGS[::7]:
        read = read_file(
            Path(FOLDER or "") / recording.file,
            format=recording.format,
            content_type=recording.content_type or None,
            status=recording.status,
        )
        assert list(read) == [msgspec.json.encode(event).decode() for event in recording.events()], recording.file


@needs_recordings
def test_no_recording_makes_it_raise() -> None:
    """Every file by its name and content alone, and with what the index says; malformed ones may end in ``ReadError``."""
    assert FOLDER is not None
    with (Path(FOLDER) / "INDEX.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert rows
    broken: list[str] = []
    silent = 0
    for row in rows:
        path = Path(FOLDER) / row["file"]
        status = int(row["status"]) if row["status"].isdigit() else 200
        for options in ({}, {"content_type": row["content-type"], "status": status}):
            if options and "/" not in row["content-type"]:
                continue  # a recorded WebSocket: no answer of HTTP
            try:
                read = list(read_file(path, **options))  # type: ignore[arg-type]
            except ReadError as error:
                if not {"malformed", "truncated"} & set(re.split(r"\W+", row["notes"] + " " + row["fidelity"])):
                    broken.append(f"{row['file']} {options}: {error}")
                continue
            silent += not read
            assert all(type(json.loads(line)["type"]) is str for line in read)
    assert broken == []
    assert silent < len(rows) // 4, "most answers mean something"
