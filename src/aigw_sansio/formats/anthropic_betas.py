"""Which betas a request to Anthropic's API needs.

Decides: the names for the header ``anthropic-beta``, from what the request holds. Must not know: how it was made.

Source: Anthropic API documentation, "Beta headers" and the pages of the features. A beta that has become a part of the
API is still accepted.
"""

from typing import Final

from ..prompt import JsonObject
from .values import arr, obj, text

#: By a member of the body.
_MEMBERS: Final = {
    "mcp_servers": ("mcp-client-2025-04-04",),
    "context_management": ("context-management-2025-06-27",),
}
#: By what the type of a tool begins with.
_TOOLS: Final = (
    ("computer_20241022", "computer-use-2024-10-22"),
    ("computer_", "computer-use-2025-01-24"),
    ("code_execution_20250522", "code-execution-2025-05-22"),
    ("code_execution_20250825", "code-execution-2025-08-25"),
    ("web_fetch_20250910", "web-fetch-2025-09-10"),
    ("memory_", "context-management-2025-06-27"),
    ("tool_search_tool_", "advanced-tool-use-2025-11-20"),
    ("mcp_toolset", "mcp-client-2025-11-20"),
)


def needed_betas(body: JsonObject, *, files: bool, system_turns: bool) -> list[str]:
    """The betas for ``body``. ``files``: uploaded files are in it. ``system_turns``: so are instructions in the middle
    of the conversation."""
    betas = [beta for name, found in _MEMBERS.items() if body.get(name) for beta in found]
    for edit in arr(obj(body.get("context_management")).get("edits")):
        if text(obj(edit).get("type")).startswith("compact_"):
            betas.append("compact-2026-01-12")
    for tool in arr(body.get("tools")):
        kind = text(obj(tool).get("type"))
        if kind:
            betas += next(([beta] for start, beta in _TOOLS if kind.startswith(start)), [])
    if "mcp-client-2025-11-20" in betas and "mcp-client-2025-04-04" in betas:
        betas.remove("mcp-client-2025-04-04")  # the newer form of the same feature
    if obj(body.get("container")).get("skills"):
        betas += ["code-execution-2025-08-25", "skills-2025-10-02"]
    if obj(body.get("output_config")).get("task_budget"):
        betas.append("task-budgets-2026-03-13")
    if body.get("speed") == "fast":
        betas.append("fast-mode-2026-02-01")
    if body.get("fallbacks"):
        betas.append("server-side-fallback-2026-07-01")
    if files:
        betas.append("files-api-2025-04-14")
    if system_turns:
        betas.append("mid-conversation-system-2026-04-07")
    return betas
