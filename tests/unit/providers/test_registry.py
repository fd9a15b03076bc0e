"""Every provider of the registry: the URL of an endpoint, the field of a key, the format of the answer."""

from urllib.parse import urlsplit

import pytest
from tests.rigs.provider_calls import ROWS, call, detail, fields, good

from aigw_sansio.config import ProviderSettings
from aigw_sansio.faults import FaultKind
from aigw_sansio.formats.registry import FORMATS
from aigw_sansio.providers.registry import ALIASES, DEFAULT_SLUGS, REGISTRY, find_provider
from aigw_sansio.secret import Secret


@pytest.mark.parametrize(("slug", "endpoint", "url", "field", "format"), ROWS, ids=lambda value: str(value)[:40])
def test_each_provider(slug: str, endpoint: str, url: str, field: str | None, format: str) -> None:
    made = good(call(slug, endpoint, **({"ollama": ProviderSettings()} if slug == "ollama" else {})))
    parts = urlsplit(url)
    assert made.provider == slug
    assert (made.origin.scheme, made.origin.authority) == (parts.scheme, parts.netloc)
    assert made.request.authority.decode() == parts.netloc
    assert made.request.target.decode() == parts.path + ("?" + parts.query if parts.query else "")
    assert made.format == format
    stored = call(slug, endpoint, **{slug: ProviderSettings(api_key=Secret("K"))})
    if field is None:
        assert "names the host itself" in detail(stored)
    else:
        name, _, value = field.partition(": ")
        assert fields(stored)[name] == value
        assert "K" not in "".join(fields(made).values())


def test_the_table_covers_the_registry() -> None:
    assert {row[0] for row in ROWS} | {"loopback"} == set(REGISTRY)


def test_every_format_that_a_row_names_has_a_reader() -> None:
    named = {provider.format for provider in REGISTRY.values()}
    named |= {format for provider in REGISTRY.values() for _, format in provider.formats}
    named |= {row[4] for row in ROWS}
    assert named <= set(FORMATS)


@pytest.mark.parametrize(("alias", "slug"), ALIASES.items())
def test_aliases(alias: str, slug: str) -> None:
    assert getattr(find_provider(alias, ()), "slug", None) == slug


def test_a_provider_on_this_machine_exists_only_if_it_stands_in_the_settings() -> None:
    assert "ollama" not in detail(call("ollama", "api/tags"), FaultKind.UNKNOWN_PROVIDER).partition("allowed")[2]
    assert good(call("ollama", "api/tags", ollama=ProviderSettings())).origin.authority == "127.0.0.1:11434"
    on_this_machine = {slug for slug, row in REGISTRY.items() if any("//127." in route.url for route in row.routes)}
    assert not on_this_machine & DEFAULT_SLUGS
    assert on_this_machine == {"ollama"}


def test_an_unknown_provider_is_told_what_there_is() -> None:
    text = detail(call("opena", custom_mine=ProviderSettings(base_url="https://h")), FaultKind.UNKNOWN_PROVIDER)
    assert text.startswith("unknown provider 'opena'; allowed are alibaba, anthropic, ")
    assert "custom" not in text, "which there are is the operator's business"
    assert "loopback" not in text


@pytest.mark.parametrize(
    "slug", ["x" * 10_000, "a\r\nb", "\ud800", "OpenAI", "", "loopback", "custom-unset", "openai/"]
)
def test_slugs_that_name_no_provider(slug: str) -> None:
    text = detail(call(slug), FaultKind.UNKNOWN_PROVIDER)
    assert len(text) < 600
    assert text.isascii()
    assert "\n" not in text


def test_custom_providers_and_the_loopback_come_from_the_settings() -> None:
    mine = ProviderSettings(base_url="https://llm.example:8443/api/v1", http2="off", ca_file="ca.pem")
    made = good(call("custom-mine", "chat/completions?x=1", custom_mine=mine))
    assert made.request.target == b"/api/v1/chat/completions?x=1"
    assert (made.origin.host, made.origin.port, made.origin.http2, made.origin.ca_file) == (
        "llm.example",
        8443,
        "off",
        "ca.pem",
    )
    loop = good(call("loopback", "v1/messages", loopback=ProviderSettings(base_url="http://127.0.0.1:9")))
    assert (loop.origin.scheme, loop.origin.authority, loop.format) == ("http", "127.0.0.1:9", "anthropic-messages")


@pytest.mark.parametrize(
    ("endpoint", "format"),
    [
        ("chat/completions", "openai-chat"),
        ("v1/responses", "openai-responses"),
        ("v1/responses/resp_1", "openai-responses"),
        ("messages", "anthropic-messages"),
        ("models/x:streamGenerateContent", "gemini"),
        ("model/m/converse-stream", "bedrock-converse"),
        ("api/chat", "ollama"),
        ("generate_stream", "tgi"),
        ("mychat/completionsx", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_custom_endpoint_is_read_by_its_path(endpoint: str, format: str) -> None:
    mine = ProviderSettings(base_url="https://llm.example/base")
    assert good(call("custom-mine", endpoint, custom_mine=mine)).format == format


@pytest.mark.parametrize(
    ("query", "expected"), [("", True), ("?alt=json", True), ("?alt=sse", False), ("?key=k&alt=sse", False)]
)
def test_array_streams(query: str, expected: bool) -> None:
    made = good(call("google-ai-studio", f"v1/models/g:streamGenerateContent{query}"))
    assert made.array_stream is expected
    assert not good(call("google-ai-studio", "v1/models/g:generateContent")).array_stream


@pytest.mark.parametrize(
    ("key_in", "header", "target"),
    [
        ("bearer", ("authorization", "Bearer u:p"), b"/v1/x?a=1"),
        ("basic", ("authorization", "Basic dTpw"), b"/v1/x?a=1"),
        ("token", ("authorization", "Token u:p"), b"/v1/x?a=1"),
        ("header:X-Own-Key", ("x-own-key", "u:p"), b"/v1/x?a=1"),
        ("query:k", None, b"/v1/x?a=1&k=u%3Ap"),
        ("subprotocol:m", ("authorization", "Bearer u:p"), b"/v1/x?a=1"),
    ],
)
@pytest.mark.parametrize("slug", ["custom-a", "openai"])
def test_key_in_holds_for_every_provider(slug: str, key_in: str, header: tuple[str, str] | None, target: bytes) -> None:
    own = ProviderSettings(base_url="https://h/v1", api_key=Secret("u:p"), key_in=key_in)
    made = good(call(slug, "x?a=1", **{slug: own}))
    assert made.request.target == target
    found = fields(made)
    assert [found.get(header[0])] == [header[1]] if header else "u:p" not in str(found)
    mine = good(call(slug, "x?a=1&k=mine", headers=[("x-own-key", "mine")], **{slug: own}))
    assert ("u:p" in str(fields(mine)) or b"u%3A" in mine.request.target) is (
        key_in.partition(":")[0] not in ("header", "query") and key_in != "basic"
    )


def test_a_key_that_goes_in_the_query_is_hidden_in_both_of_its_forms() -> None:
    own = ProviderSettings(base_url="https://h", api_key=Secret("a/long+key"), key_in="query:k")
    assert set(good(call("custom-a", "x", custom_a=own)).stored_keys) == {b"a/long+key", b"a%2Flong%2Bkey"}


def test_a_key_in_the_settings_url_is_hidden() -> None:
    own = ProviderSettings(base_url="https://h/v1?sig=abcdefghijklmnop&v=2024-10-21")
    assert good(call("custom-a", "x", custom_a=own)).stored_keys == (b"abcdefghijklmnop",)
