"""Log probabilities in the chunks of each provider, in OpenAI's form."""

import json
from typing import Any

import pytest
from hypothesis import given
from tests.reading.any_json import JSON

from aigw_sansio.formats.logprobs import find_logprobs


def token(name: str, logprob: float, *top: dict[str, Any]) -> dict[str, Any]:
    return {"token": name, "logprob": logprob, "bytes": list(name.encode()), "top_logprobs": list(top)}


def top(name: str, logprob: float) -> dict[str, Any]:
    return {"token": name, "logprob": logprob, "bytes": list(name.encode())}


HI = token("Hi", -0.5, top("Ho", -1.0))
OPENAI = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": [{"token": "Ho", "logprob": -1.0}]}


@pytest.mark.parametrize(
    ("chunk", "found"),
    [
        ({"choices": [{"delta": {"content": "Hi"}, "logprobs": {"content": [OPENAI]}}]}, {0: [HI]}),
        ({"choices": [{"index": 1, "logprobs": {"content": [OPENAI, OPENAI]}}, {"index": 0}]}, {1: [HI, HI]}),
        (
            {
                "choices": [
                    {
                        "logprobs": {
                            "tokens": ["Hi", "!"],
                            "token_logprobs": [-0.5, None],
                            "top_logprobs": [{"Ho": -1.0}],
                        }
                    }
                ]
            },
            {0: [HI, token("!", -9999.0)]},
        ),
        ({"type": "response.output_text.delta", "delta": "Hi", "logprobs": [OPENAI]}, {0: [HI]}),
        ({"type": "response.output_text.done", "text": "Hi", "logprobs": [OPENAI]}, {}),
        ({"output": [{"content": [{"text": "Hi", "logprobs": [OPENAI]}]}, {"type": "reasoning"}]}, {0: [HI]}),
        (
            {
                "candidates": [
                    {
                        "logprobsResult": {
                            "chosenCandidates": [{"token": "Hi", "tokenId": 3, "logProbability": -0.5}],
                            "topCandidates": [{"candidates": [{"token": "Ho", "logProbability": -1.0}]}],
                        }
                    }
                ]
            },
            {0: [HI]},
        ),
        (
            {"type": "content-delta", "logprobs": {"text": "Hi", "token_ids": [1, 2], "logprobs": [-0.25, -0.25]}},
            {0: [token("Hi", -0.5)]},
        ),
        ({"logprobs": [{"text": "Hi", "logprobs": [-0.5]}, {"text": "", "logprobs": []}]}, {0: [token("Hi", -0.5)]}),
        ({"message": {"content": "Hi"}, "logprobs": [OPENAI], "done": False}, {0: [HI]}),
        ({"choices": [{"logprobs": None}, 3]}, {}),
        ({"choices": [{"logprobs": {"content": [{"token": 1, "logprob": 10**400}]}}]}, {0: [token("", -9999.0)]}),
        ({"logprobs": [{"text": "a", "logprobs": [10**400, -0.5, True, "x"]}]}, {0: [token("a", -0.5)]}),
        ([], {}),
    ],
)
def test_each_form(chunk: object, found: dict[int, list[dict[str, Any]]]) -> None:
    assert find_logprobs(json.dumps(chunk).encode()) == found


@given(chunk=JSON)
def test_nothing_raises(chunk: object) -> None:
    for value in (chunk, {"choices": chunk}, {"candidates": [chunk]}, {"logprobs": chunk}, {"output": [chunk]}):
        json.dumps(find_logprobs(json.dumps(value).encode()), allow_nan=False)
    for value in ([chunk], {"content": chunk}, {"tokens": chunk, "token_logprobs": chunk, "top_logprobs": chunk}):
        json.dumps(find_logprobs(json.dumps({"choices": [{"logprobs": value}]}).encode()), allow_nan=False)
