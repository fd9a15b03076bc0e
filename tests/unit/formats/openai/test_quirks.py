"""The table of look-alikes: each is known, and holds what its documentation says."""

import pytest

from aigw_sansio.formats.openai.quirks import LOOK_ALIKES, OPENAI, WRITERS
from aigw_sansio.formats.translation import Note, Refused
from aigw_sansio.prompt import (
    FunctionTool,
    JsonObject,
    OutputFormat,
    Prompt,
    ReasoningSettings,
    Text,
    Turn,
)

#: All fields of a prompt that may be sent to somebody, each with a value that is not its default.
ALL: dict[str, object] = {
    "parallel_tool_calls": False, "output": OutputFormat("json_object"), "max_tokens": 5, "temperature": 0.5, "top_p": 0.5,
    "top_k": 5, "min_p": 0.1, "stop_sequences": ("x",), "seed": 1, "presence_penalty": 0.1, "frequency_penalty": 0.1,
    "repetition_penalty": 1.1, "logit_bias": {"1": 1.0}, "verbosity": "low", "cache_key": "k", "metadata": {"a": "b"},
    "end_user": "u", "service_tier": "flex", "stream": True, "include_usage": True,
}  # fmt: skip


def test_all_have_a_writer() -> None:
    assert set(WRITERS) == set(LOOK_ALIKES) == {
        "azure-openai", "groq", "deepseek", "xai", "perplexity", "cerebras", "openrouter", "fireworks", "huggingface",
        "baseten", "vllm", "llamacpp", "openai-like",
    }  # fmt: skip
    for quirks in LOOK_ALIKES.values():
        assert quirks.lacks <= set(Prompt.__struct_fields__)


@pytest.mark.parametrize(
    ("name", "model", "dropped"),
    [
        ("azure-openai", "d", "top_k min_p repetition_penalty metadata"),
        ("groq", "m", "top_k min_p repetition_penalty logit_bias verbosity cache_key metadata"),
        ("deepseek", "m", "parallel_tool_calls top_k min_p seed repetition_penalty logit_bias verbosity cache_key metadata end_user service_tier"),
        ("xai", "grok-3", "top_k min_p repetition_penalty logit_bias verbosity cache_key metadata service_tier"),
        ("xai", "grok-4", "top_k min_p repetition_penalty logit_bias verbosity cache_key metadata service_tier stop_sequences presence_penalty frequency_penalty"),
        ("cerebras", "m", "parallel_tool_calls top_k min_p presence_penalty frequency_penalty repetition_penalty logit_bias verbosity cache_key metadata"),
        ("openrouter", "m", "cache_key metadata"),
        ("fireworks", "m", "verbosity metadata service_tier"),
        ("huggingface", "a/m", "top_k min_p repetition_penalty verbosity cache_key metadata service_tier"),
        ("baseten", "m", "parallel_tool_calls top_k min_p presence_penalty frequency_penalty repetition_penalty logit_bias verbosity cache_key metadata service_tier"),
        ("vllm", "m", "verbosity cache_key metadata service_tier"),
        ("llamacpp", "m", "verbosity cache_key metadata service_tier"),
        ("openai-like", "m", "top_k min_p repetition_penalty verbosity cache_key metadata service_tier"),
    ],
)  # fmt: skip
def test_what_each_lacks(name: str, model: str, dropped: str) -> None:
    notes: list[Note] = []
    prompt = Prompt(model=model, turns=(Turn("user", (Text("a"),)),), tools=(FunctionTool("f"),), maker="openai", **ALL)  # type: ignore[arg-type]
    written = WRITERS[name](prompt, notes)
    assert not isinstance(written, Refused), written
    assert sorted(note.field for note in notes if note.kind == "dropped") == sorted(dropped.split())
    assert None not in written.body.values()
    assert written.body["stream_options"] == {"include_usage": True}
    assert written.path.endswith("chat/completions")


def test_perplexity_takes_neither_tools_nor_stops() -> None:
    notes: list[Note] = []
    fields = {name: value for name, value in ALL.items() if name != "output"}
    written = WRITERS["perplexity"](Prompt(turns=(Turn("user", (Text("a"),)),), **fields), notes)  # type: ignore[arg-type]
    assert not isinstance(written, Refused)
    assert written.body["top_k"] == 5
    assert "stream_options" not in written.body
    assert {"stop_sequences", "seed", "logit_bias"} <= {note.field for note in notes}


@pytest.mark.parametrize(
    ("name", "limit"),
    [("groq", "max_tokens"), ("cerebras", "max_completion_tokens"), ("azure-openai", "max_completion_tokens")],
)
def test_the_name_of_the_limit(name: str, limit: str) -> None:
    written = WRITERS[name](Prompt(max_tokens=5), [])
    assert not isinstance(written, Refused)
    assert written.body[limit] == 5


def test_members_that_only_a_look_alike_knows_go_through() -> None:
    extra: JsonObject = {"provider": {"order": ["a"]}, "search_mode": "web", "web_search_options": {}}

    def sent(name: str, maker: str = "openai") -> set[str]:
        written = WRITERS[name](Prompt(extra=extra, maker=maker), [])
        assert not isinstance(written, Refused)
        return set(written.body) - {"messages"}

    assert sent("openrouter") == set(extra)
    assert sent("perplexity") == set(extra)
    assert sent("groq") == {"provider", "search_mode"}
    assert sent("openrouter", "anthropic") == set()


def test_words_of_tiers() -> None:
    def tier(name: str, word: str) -> object:
        written = WRITERS[name](Prompt(service_tier=word, maker="openai"), [])
        assert not isinstance(written, Refused)
        return written.body.get("service_tier")

    assert tier("groq", "on_demand") == "on_demand"
    assert tier("groq", "priority") is None
    assert tier("azure-openai", "priority") == "priority"


def test_llama_has_a_name_of_its_own_for_a_penalty() -> None:
    written = WRITERS["llamacpp"](Prompt(repetition_penalty=1.1, top_k=3), [])
    assert not isinstance(written, Refused)
    assert (written.body["repeat_penalty"], written.body["top_k"]) == (1.1, 3)


def test_openai_is_no_look_alike() -> None:
    assert OPENAI.name not in {quirks.name for quirks in LOOK_ALIKES.values()}
    off = Prompt(model="gpt-5.2", temperature=0.1, reasoning=ReasoningSettings("none"))
    written = WRITERS["azure-openai"](off, [])
    assert not isinstance(written, Refused)
    assert written.body["temperature"] == 0.1
