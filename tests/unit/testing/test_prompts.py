"""The public strategy for prompts."""

from hypothesis import given

from aigw_sansio.prompt import CustomTool, FunctionTool, Prompt, ToolCall, ToolCallResponse
from aigw_sansio.testing import prompts


@given(prompts(maker="openai", most=5))
def test_prompts_make_sense(prompt: Prompt) -> None:
    """Each call is of a tool that there is and is answered by the next turn, which tells its name."""
    names = {tool.name for tool in prompt.tools if isinstance(tool, FunctionTool | CustomTool)}
    seen: set[str] = set()
    for turn, following in zip(prompt.turns, [*prompt.turns[1:], None], strict=True):
        assert turn.parts
        calls = [part for part in turn.parts if isinstance(part, ToolCall)]
        if calls:
            assert following is not None
            assert following.role == "tool"
            responses = [part for part in following.parts if isinstance(part, ToolCallResponse)]
            assert [(one.id, one.name) for one in responses] == [(call.id, call.name) for call in calls]
        assert {call.name for call in calls} <= names
        assert not seen & {call.id for call in calls}
        seen |= {call.id for call in calls}
    assert prompt.turns[-1].role in ("user", "tool")
    assert prompt.maker == "openai"
    assert prompt.tool_choice is None or {*prompt.tool_choice.names} <= names
