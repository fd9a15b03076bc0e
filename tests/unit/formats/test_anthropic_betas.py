"""Which betas a request to Anthropic's API needs."""

from typing import Any

import pytest

from aigw_sansio.formats.anthropic_betas import needed_betas


@pytest.mark.parametrize(
    ("body", "betas"),
    [
        ({"messages": []}, []),
        ({"mcp_servers": [{}]}, ["mcp-client-2025-04-04"]),
        ({"mcp_servers": [{}], "tools": [{"type": "mcp_toolset"}]}, ["mcp-client-2025-11-20"]),
        (
            {"context_management": {"edits": [{"type": "compact_20260112"}]}},
            ["context-management-2025-06-27", "compact-2026-01-12"],
        ),
        ({"container": "container_1"}, []),
        ({"container": {"skills": [{}]}}, ["code-execution-2025-08-25", "skills-2025-10-02"]),
        ({"output_config": {"task_budget": {"total": 1}}}, ["task-budgets-2026-03-13"]),
        ({"speed": "fast"}, ["fast-mode-2026-02-01"]),
        ({"fallbacks": "default"}, ["server-side-fallback-2026-07-01"]),
        ({"tools": [{"type": "computer_20241022"}]}, ["computer-use-2024-10-22"]),
        ({"tools": [{"type": "computer_20250124"}, {"name": "f"}]}, ["computer-use-2025-01-24"]),
        ({"tools": "none", "context_management": 5, "output_config": [1]}, ["context-management-2025-06-27"]),
    ],
)
def test_betas(body: dict[str, Any], betas: list[str]) -> None:
    assert needed_betas(body, files=False, system_turns=False) == betas


def test_betas_of_messages() -> None:
    assert needed_betas({}, files=True, system_turns=True) == [
        "files-api-2025-04-14",
        "mid-conversation-system-2026-04-07",
    ]
