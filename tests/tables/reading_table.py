"""The kinds of events in the recorded traffic, one line for each format: ``python -m tests.tables.reading_table``."""

from collections import Counter

from tests.reading.recordings import RECORDINGS

from aigw_sansio import events as e

COLUMNS: dict[type, str] = {
    e.TextDelta: "text",
    e.ReasoningDelta: "reasoning",
    e.ToolCallStarted: "tools",
    e.AudioDelta: "audio",
    e.Citation: "citations",
    e.UsageReported: "usage",
    e.ResponseFinished: "finish",
    e.ResponseFailed: "error",
    e.Unrecognised: "unknown",
}


def table() -> dict[str, Counter[str]]:
    """For each format the number of recordings in which each kind of event occurs."""
    rows: dict[str, Counter[str]] = {}
    for recording in RECORDINGS:
        seen = {COLUMNS.get(type(event), "") for event in recording.events()}
        row = rows.setdefault(recording.format, Counter())
        row.update(seen - {""})
        row["files"] += 1
    return rows


def main() -> None:
    heads = ["files", *COLUMNS.values()]
    print(f"{'format':22}" + "".join(f"{head:>11}" for head in heads))
    for format, row in sorted(table().items()):
        print(f"{format:22}" + "".join(f"{row[head]:>11}" for head in heads))


if __name__ == "__main__":
    main()
