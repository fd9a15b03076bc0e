"""What translation costs: requests of 1 and 100 KiB, and streamed chunks of 200 bytes, for each pair of formats.

``python -m tests.benchmarks.translation``; ``--litellm PYTHON`` names the interpreter of an environment with LiteLLM.
Its own functions then do the same work in a process of their own, in turns with these. All figures are CPU time.

A request is translated from JSON text to JSON text, as a gateway does it, and from value to value, as a program may; a
chunk from text to text. Of LiteLLM only the transformations themselves are called, without all that its proxy and its
SDK do around them, so the ratios are the least there are. Both sides do the whole of the work: what LiteLLM gives is the
provider's body, too, which ``tests/clients/test_litellm_oracle.py`` compares with the one from here. JSON alone is what
reading the client's text and writing the provider's takes, with nothing between.

The last table is of a whole ``Gateway``: a streamed chunk of a step with the provider ``compat``, beside the same chunk
of a step that names the provider itself and gets it as it is. ``--gateway`` prints that table alone, and
``--requests`` those of requests.
"""

import argparse
import gc
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from time import thread_time

import msgspec
from tests.rigs.asked import MODELS, content, framed, opening, pictured, request
from tests.rigs.core_stream import Rig, http_chunk
from tests.rigs.litellm_client import LiteLlm

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.registry import make_reader
from aigw_sansio.translate import (
    CLIENT_FORMATS,
    JsonObject,
    Refused,
    Translated,
    answer_context,
    make_writer,
    read_request,
    translate_request,
)

#: How many CPU seconds one candidate takes in one round.
ROUND_S = 0.02
KIB = 1024
#: How a provider is asked through ``compat``, and by itself.
PROVIDERS: Mapping[str, tuple[str, str]] = {
    "openai-chat": ("openai", "chat/completions"),
    "mistral": ("mistral", "v1/chat/completions"),
    "anthropic-messages": ("anthropic", "v1/messages"),
    "gemini": ("google-ai-studio", "v1beta/models/m:streamGenerateContent?alt=sse"),
    "cohere-v2": ("cohere", "v2/chat"),
}
ENDPOINTS: Mapping[str, str] = {
    "openai-chat": "chat/completions",
    "openai-responses": "responses",
    "anthropic-messages": "messages",
}
decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode
Timed = Callable[[int], float]


def timed(function: Callable[[], object]) -> Timed:
    """Takes a number of calls, and returns the CPU seconds that they took."""

    def run(number: int) -> float:
        gc.disable()
        began = thread_time()
        for _ in range(number):
            function()
        taken = thread_time() - began
        gc.enable()
        return taken

    return run


def in_turns(candidates: Mapping[str, Timed], rounds: int) -> dict[str, float]:
    """Median microseconds of one call of each, all taken in turns."""
    numbers: dict[str, int] = {}
    for name, run in candidates.items():
        number = 1
        while (taken := run(number)) < ROUND_S / 4:
            number *= 4 if taken <= 0 else max(2, min(16, int(ROUND_S / taken)))
        numbers[name] = max(1, round(number * ROUND_S / taken))
    samples: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, run in candidates.items():
            samples[name].append(run(numbers[name]) / numbers[name])
    return {name: median(taken) * 1e6 for name, taken in samples.items()}


def show(label: str, times: Mapping[str, float], ratios: list[float]) -> None:
    """One row: here, LiteLLM, and how many times less it is here; last, JSON alone."""
    row = f"  {label:42}{times['here']:>10.2f}"
    if "litellm" in times:
        ratios.append(times["litellm"] / times["here"])
        row += f"{times['litellm']:>12.2f}{ratios[-1]:>8.1f}x"
    if "json" in times:
        row += f"{times['json']:>12.2f}"
    print(row, flush=True)


def requests(lite: LiteLlm | None, size: int, rounds: int, *, text: bool) -> None:
    """A request of ``size`` bytes, for each pair. ``text``: from JSON text to JSON text."""
    way = "JSON text to JSON text" if text else "value to value"
    print(f"\na request of {size // KIB} KiB, from {way}, microseconds")
    ratios: list[float] = []
    for source in CLIENT_FORMATS:
        body = request(source, size)
        for target, model in MODELS.items():
            if target == source:
                continue

            candidates = {"here": timed(translation(body, source, target, model, text=text))}
            if lite is not None and lite.load_request(source, target, model, body, text=text):
                candidates["litellm"] = lite.run
            if text:
                candidates["json"] = timed(json_alone(body, source, target, model))
            show(f"{source} -> {target}", in_turns(candidates, rounds), ratios)
    summary(ratios)


def not_plain(size: int, rounds: int) -> None:
    """A request whose last message makes turns of all, for one target."""
    print(f"\na request of {size // KIB} KiB with a picture at its end, from JSON text to JSON text, microseconds")
    for source in CLIENT_FORMATS:
        candidates = {
            "here": timed(translation(pictured(source, size), source, "cohere-v2", MODELS["cohere-v2"], text=True)),
            "plain": timed(translation(request(source, size), source, "cohere-v2", MODELS["cohere-v2"], text=True)),
        }
        times = in_turns(candidates, rounds)
        print(f"  {source + ' -> cohere-v2':42}{times['here']:>10.2f}   without it{times['plain']:>10.2f}", flush=True)


def translation(body: JsonObject, source: str, target: str, model: str, *, text: bool) -> Callable[[], object]:
    """Translates ``body``, or its JSON text."""
    given = encode(body)

    def of_value() -> Translated:
        found = translate_request(body, source=source, target=target, model=model)
        assert not isinstance(found, Refused), (source, target)
        return found

    def of_text() -> bytes:
        found = translate_request(given, source=source, target=target, model=model)
        assert not isinstance(found, Refused), (source, target)
        return encode(found.request.body)

    return of_text if text else of_value


def json_alone(body: JsonObject, source: str, target: str, model: str) -> Callable[[], object]:
    """Reads the text that is translated, and writes what it becomes."""
    given, found = encode(body), translate_request(body, source=source, target=target, model=model)
    assert not isinstance(found, Refused), (source, target)
    written = found.request.body
    return lambda: (decode(given), encode(written))


def summary(ratios: Sequence[float]) -> None:
    """The spread of the ratios."""
    if ratios:
        print(
            f"  times less than LiteLLM: least {min(ratios):.1f}, median {median(ratios):.1f}, most {max(ratios):.1f}"
        )


def chunk_translation(provider: str, client: str, payload: bytes) -> Callable[[], object]:
    """Translates ``payload``, in the middle of a stream of a provider."""
    read = read_request(request(client, KIB), client)
    assert not isinstance(read, Refused)
    context = answer_context(read[0], provider, id="1", created=1)
    reader, writer = make_reader(context.source), make_writer(client, context)

    def once(data: bytes = payload) -> list[bytes]:
        event = "contentBlockDelta" if provider == "bedrock-converse" else ""
        events = reader.read(Chunk(data, event))
        return writer.write(events)

    for data in opening(provider):
        once(data)
    assert once(), (provider, client)
    return once


def chunks(lite: LiteLlm | None, rounds: int) -> None:
    """A chunk of a stream, for each pair."""
    print("\na streamed chunk of 200 bytes, microseconds")
    ratios: list[float] = []
    for client in CLIENT_FORMATS:
        for provider in MODELS:
            if client == provider:
                continue
            payload = content(provider)
            candidates = {"here": timed(chunk_translation(provider, client, payload))}
            if lite is not None and lite.load_chunk(provider, client, opening(provider), payload):
                candidates["litellm"] = lite.run
            show(f"{provider} -> {client}", in_turns(candidates, rounds), ratios)
    summary(ratios)


def gateway(rounds: int) -> None:
    """A chunk through a whole gateway: ``compat`` beside the untranslated one."""
    print("\na streamed chunk of 200 bytes through a gateway, microseconds")
    print(f"  {'':42}{'one a read':>24}{'':8}{'twenty a read':>18}")
    for provider_format, (provider, endpoint) in PROVIDERS.items():
        begun = http_chunk(b"".join(framed(provider_format, data) for data in opening(provider_format)))
        chunk = http_chunk(framed(provider_format, content(provider_format)))
        plain = Rig(1, provider=provider, step=own(provider, endpoint), opening=begun)
        for client in CLIENT_FORMATS:
            if client == provider_format or (provider, client) == ("openai", "openai-responses"):
                continue  # nothing is translated
            step = compat(provider, client)
            cells = []
            for per_read in (1, 20):
                number = 1000 // per_read
                translated = Rig(1, provider=provider, step=step, opening=begun)  # Responses keep all of their text
                turns = [(plain.run(chunk * per_read, number), translated.run(chunk * per_read, number))
                         for _ in range(rounds)]  # fmt: skip
                each = number * per_read / 1e6
                before, after = (median(turn[side] for turn in turns) / each for side in (0, 1))
                ratio = median(turn[1] / turn[0] for turn in turns)  # the two of a turn had the same moment
                cells.append(f"{before:>8.2f}{after:>8.2f}{ratio:>8.2f}x")
            print(f"  {provider_format + ' -> ' + client:42}{''.join(cells)}", flush=True)


def own(provider: str, endpoint: str) -> dict[str, object]:
    """A step that names its provider, and gets its response as it is."""
    return {"provider": provider, "endpoint": endpoint, "query": {"model": "m", "stream": True}}


def compat(provider: str, client: str) -> dict[str, object]:
    """A step in the client's format."""
    query = {**request(client, KIB), "model": f"{provider}/m"}
    return {"provider": "compat", "endpoint": ENDPOINTS[client], "query": query}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litellm", metavar="PYTHON", type=Path, help="interpreter of an environment with LiteLLM")
    parser.add_argument("--quick", action="store_true", help="3 rounds instead of 9")
    parser.add_argument("--gateway", action="store_true", help="the table of the gateway alone")
    parser.add_argument("--requests", action="store_true", help="the tables of requests alone")
    args = parser.parse_args()
    rounds = 3 if args.quick else 9
    if not args.gateway:
        lite = LiteLlm(args.litellm) if args.litellm is not None else None
        try:
            if lite is not None:
                print(f"LiteLLM {lite.version}; columns: here, LiteLLM, times less, JSON alone")
            for size in (1, 100):
                print(f"  request of {size} KiB: {len(json.dumps(request('openai-chat', size * KIB)))} bytes")
                for text in (True, False):
                    requests(lite, size * KIB, rounds, text=text)
            not_plain(100 * KIB, rounds)
            if not args.requests:
                chunks(lite, rounds)
        finally:
            if lite is not None:
                lite.close()
    if not args.requests:
        gateway(rounds)


if __name__ == "__main__":
    main()
