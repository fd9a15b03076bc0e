"""Any step or realtime path: a call that sends no stored key to a host the client chose, or a fault; never a crash.

``python -m fuzz.fuzz_provider_calls --seconds 60``. An input is lines: provider, endpoint, method, account,
then fields.
"""

import re

from fuzz._fuzz import main

from aigw_sansio.config import ProviderSettings
from aigw_sansio.faults import Fault
from aigw_sansio.providers.call import build_call
from aigw_sansio.providers.realtime import build_realtime_call
from aigw_sansio.providers.registry import ALIASES, REGISTRY
from aigw_sansio.secret import Secret

CANARY = "sk-canary"
SETTINGS = {slug: ProviderSettings(api_key=Secret(CANARY)) for slug in REGISTRY if slug != "loopback"} | {
    "custom-a": ProviderSettings(base_url="http://127.0.0.1:9/v1", api_key=Secret(CANARY)),
    "workers-ai": ProviderSettings(api_key=Secret(CANARY), realtime_url="wss://rt.example/x"),
}
#: Hosts that may get a stored key.
HOSTS = re.compile(
    r"(?:api|wss|ws|agent|agents|inference|generativelanguage|aiplatform|api-inference|queue|streaming(?:\.us|\.eu)?|"
    r"tts\.us|stt-rt|tts-rt|(?:eu|us|global)\.rt|eu1\.asr\.api|users|users-ws|coda\.api|dashscope|dashscope-intl)?\.?"
    r"(?:openai\.com|anthropic\.com|googleapis\.com|cloudflare\.com|huggingface\.co|replicate\.com|groq\.com|x\.ai|"
    r"mistral\.ai|cohere\.ai|deepseek\.com|perplexity\.ai|cerebras\.ai|openrouter\.ai|baseten\.co|parallel\.ai|"
    r"fireworks\.ai|elevenlabs\.io|cartesia\.ai|deepgram\.com|fal\.run|ideogram\.ai|together\.(?:ai|xyz)|"
    r"aliyuncs\.com|assemblyai\.com|soniox\.com|speechmatics\.com|inworld\.ai|sarvam\.ai|rime\.ai|hume\.ai)|"
    r"bedrock-runtime\.[a-z-]+[0-9]+\.amazonaws\.com|bedrock-mantle\.[a-z-]+[0-9]+\.api\.aws|"
    r"[a-z-]+[0-9]+-aiplatform\.googleapis\.com|aiplatform\.(?:us|eu)\.rep\.googleapis\.com|127\.0\.0\.1|rt\.example"
)
TARGET = re.compile(rb"/[!-\"$-\[\]-~]*\Z")

SEEDS: list[bytes] = [
    *(f"{slug}\nv1/chat/completions?a=b\nPOST\nacc\n".encode() for slug in [*REGISTRY, *ALIASES, "custom-a"]),
    b"azure-openai\nres/dep/chat/completions?api-version=1\nPOST\na\napi-key: mine\n",
    b"aws-bedrock\nbedrock-runtime/us-east-1/model/m%3A0/converse\nPOST\na\n",
    b"aws-bedrock\nbedrock-mantle/us-east-1/anthropic/v1/messages\nPOST\na\nauthorization: Bearer x\n",
    b"google-vertex-ai\nv1/projects/p/locations/us-central1/publishers/google/models/g:generateContent\nGET\na\n",
    b"fal\nx\nPOST\na\nx-fal-target-url: https://queue.fal.run/x\n",
    b"baseten\nmodel/abc\nPOST\na\n",
    b"workers-ai\n../%2e%2e/@cf/x\nPOST\n..\nx: \xff\n",
    b"google\n?api_key=k#x\nTRACE\n//\nconnection: x\nx: y\n",
]


def target(data: bytes) -> None:
    """One fuzz input."""
    text = data.decode("utf-8", "surrogateescape")
    provider, endpoint, method, account, *rest = [*text.split("\n"), "", "", ""]
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in rest if line)]
    call = build_call(
        provider=provider,
        endpoint=endpoint,
        method=method,
        headers=headers,
        body=b"{}",
        settings=SETTINGS,
        account=account,
        own_tokens=lambda value: value == "ours",
        unix_time=1e9,
    )
    assert CANARY not in repr(call) or CANARY in text
    if not isinstance(call, Fault):
        check(call.origin.host, call.request.target, call.request.headers)
    upgrade = build_realtime_call(
        path=f"{provider}/{endpoint}",
        headers=[(name.encode("utf-8", "replace"), value.encode("utf-8", "replace")) for name, value in headers],
        subprotocols=[item.encode("utf-8", "replace") for item in account.split(",") if item],
        settings=SETTINGS,
        own_tokens=lambda value: value == "ours",
        unix_time=0.0,
    )
    assert CANARY not in repr(upgrade) or CANARY in text
    if not isinstance(upgrade, Fault):
        check(upgrade.origin.host, upgrade.target, upgrade.headers)


def check(host: str, path: bytes, fields: list[tuple[bytes, bytes]]) -> None:
    """The laws of every request."""
    assert TARGET.match(path), path
    assert not {b".", b".."} & set(path.partition(b"?")[0].split(b"/")), path
    names = [name for name, _ in fields]
    assert len(set(names)) == len(names)
    for name, value in fields:
        assert name == name.lower()
        assert not re.search(rb"[\r\n\0]", value)
        if CANARY.encode() in value:
            assert HOSTS.fullmatch(host), host


if __name__ == "__main__":
    main(target, SEEDS)
