"""The rules of models on Bedrock, by their ids."""

import pytest

from aigw_sansio.formats.bedrock.models import bedrock_model
from aigw_sansio.formats.request_tools import BEDROCK_IDS, MISTRAL_IDS


@pytest.mark.parametrize(
    ("name", "maker", "reasoning", "forced"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic", "claude", True),
        ("anthropic.claude-opus-5-5", "anthropic", "claude", False),
        ("us.amazon.nova-2-lite-v1:0", "amazon", "nova", True),
        ("amazon.nova-micro-v1:0", "amazon", "never", True),
        ("openai.gpt-oss-120b-1:0", "openai", "effort", False),
        ("mistral.mistral-large-2407-v1:0", "mistral", "never", True),
        ("us.meta.llama3-3-70b-instruct-v1:0", "", "never", False),
    ],
)
def test_families(name: str, maker: str, reasoning: str, forced: bool) -> None:
    model = bedrock_model(name)
    assert (model.maker, model.reasoning, model.rules.forced_tools) == (maker, reasoning, forced)


def test_what_differs() -> None:
    assert bedrock_model("anthropic.claude-haiku-4-5").rules.structured
    assert not bedrock_model("anthropic.claude-opus-4-8").rules.structured
    assert not bedrock_model("amazon.titan-text-express-v1").system
    assert bedrock_model("mistral.mixtral-8x7b-instruct-v0:1").ids is MISTRAL_IDS
    assert bedrock_model("amazon.nova-pro-v1:0").ids is BEDROCK_IDS
    assert bedrock_model("mistral.voxtral-mini").sounds
