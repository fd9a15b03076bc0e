"""In what a provider deviates from OpenAI's Chat Completions: the columns of the table of look-alikes.

Data only. Which provider has which quirk is in the table ``formats.openai.quirks``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from ...prompt import JsonObject, Prompt
from ..request_tools import CHAT_IDS, OPENAI_NAMES, Alphabet
from ..translation import Note

#: Gives the fields that the model lacks, from the prompt and the members for reasoning.
ModelLacks: TypeAlias = Callable[[Prompt, JsonObject], frozenset[str]]
#: Gives the members that say how much the model thinks.
WriteReasoning: TypeAlias = Callable[[Prompt, list[Note]], JsonObject]

#: Fields of a prompt that OpenAI's Chat Completions have no place for. ``reasoning`` and ``cache`` are written apart.
NOT_IN_CHAT: Final = frozenset({"top_k", "min_p", "repetition_penalty", "previous_response_id"})
#: Fields of a prompt that only few look-alikes have too.
OPENAI_ONLY: Final = frozenset({"store", "metadata", "verbosity", "modalities", "cache_key", "cache", "service_tier"})
#: Members of requests that the Chat Completions of OpenAI define and a look-alike does not know.
OPENAI_MEMBERS: Final = frozenset(
    {
        "audio", "moderation", "prediction", "prompt_cache_options", "prompt_cache_retention", "safety_identifier",
        "web_search_options", "stream_options",
    }
)  # fmt: skip
#: Members of OpenAI's Responses that its Chat Completions do not know.
RESPONSES_MEMBERS: Final = frozenset(
    {
        "background", "context_management", "conversation", "include", "input", "instructions", "max_tool_calls",
        "prompt", "text", "truncation",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """One provider, as OpenAI's Chat Completions differ. The defaults are those of a careful look-alike.

    ``name`` is for people. ``maker`` is the vendor whose opaque data and extra members it understands. ``path`` is
    relative to the provider's endpoint root; ``{model}`` in it is the model.
    """

    name: str
    write_reasoning: WriteReasoning
    maker: str = ""
    path: str = "chat/completions"
    #: Fields of the prompt without a place.
    lacks: frozenset[str] = NOT_IN_CHAT | OPENAI_ONLY
    #: Further fields that only some of its models lack.
    model_lacks: ModelLacks | None = None
    #: Members of ``Prompt.extra``, as a client of Chat Completions wrote them, that are not sent.
    unknown_members: frozenset[str] = OPENAI_MEMBERS
    #: The only members of ``Prompt.extra`` that are sent, for a provider that refuses all others.
    only_members: frozenset[str] | None = None
    limit: str = "max_tokens"
    seed: str = "seed"
    repetition_penalty: str = "repetition_penalty"
    hottest: float = 2.0
    most_stops: int | None = None
    #: Words of its own for ``service_tier``, ``None`` if it takes those of ``maker``.
    tiers: frozenset[str] | None = None
    #: Whether metadata may be sent only with ``store``.
    metadata_needs_store: bool = False
    #: Whether a stream must be asked for its usage.
    usage_on_request: bool = True
    #: Whether messages may say who of several participants speaks.
    participants: bool = True
    #: Whether texts may be a list of parts; if not, they are joined.
    text_parts: bool = False
    #: The content of an assistant's message that only calls tools; ``None``: it has none.
    content_of_calls: str | None = None
    images: bool = True
    #: Whether it fetches images by their URL.
    image_urls: bool = True
    audio: bool = False
    files: bool = False
    video: bool = False
    #: The same for files.
    file_urls: bool = False
    #: Whether a file is a ``document_url`` (Mistral), not a ``file``.
    document_urls: bool = False
    #: Whether neighbouring messages of one role are to be joined, and instructions stand at the front alone.
    alternates: bool = False
    #: The path for a message of the assistant at the end, which is marked to be continued; ``None``: it has no mark.
    prefix_path: str | None = None
    #: Where reasoning of earlier turns goes: a member for text, ``details`` (OpenRouter), ``content`` (Mistral).
    replay: str | None = None
    #: Whether the member for reasoning must be there while the model thinks; asked with the prompt.
    replay_needed: Callable[[Prompt], bool] | None = None
    #: Marks of what may be cached: ``breakpoint`` (OpenAI), ``cache_control`` (OpenRouter), or none.
    cache_marks: str | None = None
    custom_tools: bool = False
    #: Types of tools that it runs itself.
    tool_types: frozenset[str] = frozenset()
    strict_tools: bool = True
    #: Whether a choice among some tools can be told.
    allowed_tools: bool = False
    #: How to say that some tool must be called.
    required: str = "required"
    #: Whether a tool's result says which tool it is of.
    result_names: bool = False
    ids: Alphabet | None = None
    names: Alphabet = OPENAI_NAMES
    json_object: bool = True
    json_schema: bool = True


#: The rule for the ids of tool calls of OpenAI itself; look-alikes take them as they come.
OPENAI_IDS: Final = CHAT_IDS
