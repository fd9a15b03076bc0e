"""Usage with OpenAI's names."""

from typing import Any

import pytest

from aigw_sansio import events as e
from aigw_sansio.formats.openai.usage_counts import openai_usage


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 2}, e.UsageReported(9, 2)),
        ({"input_tokens": 9, "output_tokens": 2}, e.UsageReported(9, 2)),
        (
            {
                "input_tokens": 9,
                "input_token_details": {"cached_tokens": 4, "cached_tokens_details": {"audio_tokens": 3}},
            },
            e.UsageReported(9, None, 4, cache_read_input_audio_tokens=3),
        ),
        ({"prompt_tokens_details": None, "completion_tokens_details": []}, e.UsageReported()),
    ],
)
def test_names(usage: dict[str, Any], told: e.UsageReported) -> None:
    assert openai_usage(usage) == told


@pytest.mark.parametrize(
    ("prompt", "completion", "total", "cached", "reasoning", "read", "written"),
    [
        (9, 32, 41, 4, 30, 9, 32),  # OpenAI: parts of the totals
        (9, 2, 41, 4, 30, 9, 32),  # xAI: reasoning beside
        (9, 32, 45, 4, 30, 13, 32),  # cached beside
        (9, 2, 45, 4, 30, 13, 32),  # both beside
        (9, 2, 99, 4, 30, 9, 2),  # whatever the total holds
        (9, 2, None, 4, 0, 9, 2),
    ],
)
def test_the_total_tells_what_is_counted_beside(
    prompt: int, completion: int, total: int | None, cached: int, reasoning: int, read: int, written: int
) -> None:
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": total,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    assert openai_usage(usage) == e.UsageReported(read, written, cached, reasoning_output_tokens=reasoning)
