"""Runs LiteLLM's own translation for whoever asks on its standard input, one JSON object a line; answers likewise.

Decides: which functions of LiteLLM translate between two formats. Run by the interpreter of an environment that has
LiteLLM, so it imports nothing of this project. Only what transforms is called, ``get_optional_params`` (what a provider
takes of the parameters) and ``transform_request``: no logging, no routing, no cost, none of what its SDK does before and
after. Tried with LiteLLM 1.110.

LiteLLM goes through OpenAI's chat format: a request in another client's format is made a chat request first, and a
chunk of a provider a chat chunk. That is its own way, and is measured as such. For OpenAI's Responses its adapters make
only the arguments of ``litellm.responses``; of that function those parts are called that make the body of them, and they
are named as elsewhere: what a provider takes of the parameters (``get_requested_response_api_optional_param``,
``get_optional_params_responses_api``), and ``transform_responses_api_request``. JSON text of requests is read with
orjson and written with ``json.dumps``, as its proxy and its handlers of HTTP do.
"""

import copy
import gc
import json
import os
import sys
from importlib import import_module, metadata
from time import thread_time
from types import SimpleNamespace
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks the network for prices
os.environ.setdefault("LITELLM_LOG", "ERROR")

#: What LiteLLM calls the provider that speaks a format.
PROVIDERS = {
    "openai-chat": "openai",
    "openai-responses": "openai",
    "anthropic-messages": "anthropic",
    "gemini": "gemini",
    "bedrock-converse": "bedrock",
    "cohere-v2": "cohere_chat",
    "mistral": "mistral",
    "ollama-chat": "ollama_chat",
}


class Silent:
    """Stands for what logs."""

    def __init__(self) -> None:
        self.litellm_params: dict[str, Any] = {}
        self.optional_params: dict[str, Any] = {}
        self.model_call_details: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **named: None


def find(module: str, name: str) -> Any:
    """``name`` of a module of LiteLLM."""
    return getattr(import_module("litellm." + module), name)


# -- requests --------------------------------------------------------------------------------------------------------


def to_chat(source: str, provider: str, model: str) -> Any:
    """What makes a chat request of a client's request."""
    if source == "anthropic-messages":
        adapter = find("llms.anthropic.messages.adapters.transformation", "LiteLLMAnthropicMessagesAdapter")()
        return lambda body: adapter.translate_anthropic_to_openai({**body, "model": model})[0]
    if source == "openai-responses":
        config = find("responses.litellm_completion_transformation.transformation", "LiteLLMCompletionResponsesConfig")
        transform = config.transform_responses_api_request_to_chat_completion_request

        def from_responses(body: Any) -> Any:
            others = {name: value for name, value in body.items() if name not in {"model", "input", "stream"}}
            return transform(
                model=model,
                input=body["input"],
                responses_api_request=others,
                custom_llm_provider=provider,
                stream=body.get("stream"),
            )

        return from_responses
    return lambda body: body


def from_chat(target: str, provider: str, model: str) -> Any:
    """What makes a provider's request of a chat request."""
    config = find("utils", "ProviderConfigManager").get_provider_chat_config(
        model, find("types.utils", "LlmProviders")(provider)
    )
    choose = find("utils", "get_optional_params")
    skipped = {"model", "messages", "stream_options", "metadata", "custom_llm_provider"}
    write = config.transform_request
    if target == "openai-responses":
        module = "completion_extras.litellm_responses_transformation.transformation"
        handler, finish = find(module, "LiteLLMResponsesTransformationHandler")(), responses_body(model)
        log = Silent()

        def write(**asked: Any) -> Any:
            return finish(handler.transform_request(litellm_logging_obj=log, **asked))

    elif target == "gemini":
        transform, log = find("llms.vertex_ai.gemini.transformation", "sync_transform_request_body"), Silent()

        def write(**asked: Any) -> Any:
            asked.pop("headers")
            return transform(
                gemini_api_key="none", api_base=None, client=None, timeout=None, extra_headers=None, logging_obj=log,
                custom_llm_provider="gemini", vertex_project=None, vertex_location=None, vertex_auth_header=None,
                **asked,
            )  # fmt: skip

    def translate(body: Any) -> Any:
        params = {name: value for name, value in body.items() if name not in skipped and value is not None}
        known = choose(model=model, custom_llm_provider=provider, drop_params=True, messages=body["messages"], **params)
        if target == "bedrock-converse":
            known.pop("stream", None)  # as its handler does
        return write(model=model, messages=body["messages"], optional_params=known, litellm_params={}, headers={})

    return translate


def responses_body(model: str) -> Any:
    """What makes the body of a request of the arguments of ``litellm.responses``, as that function does."""
    config = find("utils", "ProviderConfigManager").get_provider_responses_api_config(
        find("types.utils", "LlmProviders")("openai"), model
    )
    utils, params = find("responses.utils", "ResponsesAPIRequestUtils"), find("types.router", "GenericLiteLLMParams")()
    others = {"model", "input", "client", "litellm_logging_obj"}  # parameters of their own there

    def finish(asked: Any) -> Any:
        wished = {name: value for name, value in asked.items() if name not in others}
        known = utils.get_optional_params_responses_api(
            model=model,
            responses_api_provider_config=config,
            response_api_optional_params=utils.get_requested_response_api_optional_param(wished),
        )
        return config.transform_responses_api_request(
            model=model,
            input=asked["input"],
            response_api_optional_request_params=known,
            litellm_params=params,
            headers={},
        )

    return finish


def request(source: str, target: str, model: str) -> Any:
    """What translates a request."""
    provider = PROVIDERS[target]
    if source == "anthropic-messages" and target == "openai-responses":
        module = "llms.anthropic.messages.responses_adapters.transformation"
        adapt, finish = find(module, "LiteLLMAnthropicToResponsesAPIAdapter")().translate_request, responses_body(model)
        return lambda body: finish({**adapt({**body, "model": model}), "stream": body.get("stream")})  # as its handler
    read, write = to_chat(source, provider, model), from_chat(target, provider, model)
    return lambda body: write(read(body))


def of_text(translate: Any) -> Any:
    """What translates a request from JSON text to JSON text."""
    loads = import_module("orjson").loads
    return lambda text: json.dumps(translate(loads(text))).encode()


# -- chunks ----------------------------------------------------------------------------------------------------------


def chunk_reader(provider: str) -> Any:
    """What makes a chat chunk of a provider's chunk."""
    if provider == "anthropic-messages":
        return find("llms.anthropic.chat.handler", "ModelResponseIterator")(iter(()), True).chunk_parser
    if provider == "gemini":
        module = "llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini"
        return find(module, "ModelResponseIterator")(iter(()), True, Silent()).chunk_parser
    if provider == "bedrock-converse":
        decoder = find("llms.bedrock.chat.invoke_handler", "AWSEventStreamDecoder")("m")
        return lambda chunk: decoder.converse_chunk_parser(chunk["contentBlockDelta"])
    if provider == "openai-responses":
        module = "completion_extras.litellm_responses_transformation.transformation"
        return find(module, "OpenAiResponsesToChatCompletionStreamIterator")(iter(()), True).chunk_parser
    if provider == "mistral":
        return find("llms.mistral.chat.transformation", "MistralChatResponseIterator")(iter(()), True).chunk_parser
    if provider == "ollama-chat":
        return find("llms.ollama.chat.transformation", "OllamaChatCompletionResponseIterator")(
            iter(()), True
        ).chunk_parser
    if provider == "cohere-v2":  # it makes a smaller chunk than the others, and its stream wrapper the chat chunk of it
        return None
    return find("llms.openai.chat.gpt_transformation", "OpenAIChatCompletionStreamingHandler")(
        iter(()), True
    ).chunk_parser


class Feed:
    """The provider's stream: its beginning, then the same chunk again and again, as LiteLLM reads it."""

    def __init__(self, read: Any, opening: list[str], chunk: str) -> None:
        self._read, self._begun, self._chunk = read, iter(opening), chunk
        self.logging_obj = Silent()
        self._hidden_params: dict[str, Any] = {}

    def __iter__(self) -> "Feed":
        return self

    def __next__(self) -> Any:
        while True:
            read = self._read(json.loads(next(self._begun, self._chunk)))
            if read is not None:
                return read


def chunk(provider: str, client: str, opening: list[str], data: str) -> Any:
    """What translates the next chunk of a stream; ``None`` if LiteLLM has no function for it alone."""
    reader = chunk_reader(provider)
    if reader is None:
        return None
    feed = Feed(reader, opening, data)
    if client == "openai-chat":
        return lambda: next(feed).model_dump_json(exclude_none=True, exclude_unset=True)
    if client == "anthropic-messages":
        wrapper = find("llms.anthropic.messages.adapters.streaming_iterator", "AnthropicStreamWrapper")(feed, "m")
        return lambda: json.dumps(next(wrapper))
    module = "responses.litellm_completion_transformation.streaming_iterator"
    events = find(module, "LiteLLMCompletionStreamingIterator")("m", feed, "Hello", {}, "openai")
    return lambda: next(events).model_dump_json(exclude_none=True)


# -- the process -----------------------------------------------------------------------------------------------------


class Loaded:
    """What is translated."""

    def __init__(self, translate: Any, body: Any = None) -> None:
        self._translate, self._body = translate, body
        self._given = body is not None

    def once(self) -> Any:
        return self._translate(copy.deepcopy(self._body)) if self._given else self._translate()

    def run(self, number: int) -> float:
        """CPU seconds. LiteLLM changes what it is given; the copies of the request are made before."""
        given = [(copy.deepcopy(self._body),) for _ in range(number)] if self._given else [()] * number
        translate = self._translate
        gc.disable()
        began = thread_time()
        for args in given:
            translate(*args)
        taken = thread_time() - began
        gc.enable()
        return taken


def main() -> None:
    """Serve until the input ends."""
    out, sys.stdout = sys.stdout, sys.stderr  # LiteLLM prints
    litellm = import_module("litellm")
    litellm.drop_params, litellm.telemetry, litellm.suppress_debug_info = True, False, True
    gc.collect()
    gc.freeze()  # what LiteLLM has imported is much, and would be searched again and again
    loaded: Loaded | None = None
    for line in sys.stdin:
        asked = SimpleNamespace(**json.loads(line))
        told: dict[str, Any] = {}
        if asked.do == "version":
            told["version"] = metadata.version("litellm")
        elif asked.do == "load_request":
            translate = request(asked.source, asked.target, asked.model)
            if asked.text:
                loaded = Loaded(of_text(translate), json.dumps(asked.body, separators=(",", ":")).encode())
            else:
                loaded = Loaded(translate, asked.body)
            told["known"] = True
            loaded.once()
        elif asked.do == "load_chunk":
            translate = chunk(asked.provider, asked.client, asked.opening, asked.chunk)
            loaded = None if translate is None else Loaded(translate)
            told["known"] = loaded is not None
            for _ in range(20 if loaded is not None else 0):
                translate()
        elif asked.do == "run" and loaded is not None:
            told["seconds"] = loaded.run(asked.number)
        elif asked.do == "show" and loaded is not None:
            told["result"] = loaded.once()
        out.write(json.dumps(told, default=str) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
