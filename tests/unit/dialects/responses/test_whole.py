"""An item of a whole response as the events of its life."""

import pytest

from aigw_sansio.dialects.responses.whole import item_events


@pytest.mark.parametrize(
    ("item", "added", "filled"),
    [
        ({"type": "compaction", "id": "cmp_1", "encrypted_content": "x"}, {"type": "compaction", "id": "cmp_1", "encrypted_content": "x"}, []),
        ({"type": "function_call", "id": "fc_1", "status": "completed", "arguments": "{}"},
         {"type": "function_call", "id": "fc_1", "status": "in_progress", "arguments": ""},
         [("function_call_arguments.delta", {"delta": "{}"}), ("function_call_arguments.done", {"arguments": "{}"})]),
        ({"type": "custom_tool_call", "id": "ctc_1", "input": "a"}, {"type": "custom_tool_call", "id": "ctc_1", "input": ""},
         [("custom_tool_call_input.delta", {"delta": "a"}), ("custom_tool_call_input.done", {"input": "a"})]),
        ({"type": "message", "id": "msg_1", "content": "odd"}, {"type": "message", "id": "msg_1", "content": []}, []),
        ({}, {}, []),
    ],
)  # fmt: skip
def test_an_item_is_added_filled_and_done(
    item: dict[str, object], added: dict[str, object], filled: list[tuple[str, dict[str, object]]]
) -> None:
    first, *between, last = item_events(item, 3)
    assert first == ("response.output_item.added", {"output_index": 3, "item": added})
    assert between == [
        (f"response.{kind}", {"item_id": item["id"], "output_index": 3, **members}) for kind, members in filled
    ]
    assert last == ("response.output_item.done", {"output_index": 3, "item": item})
