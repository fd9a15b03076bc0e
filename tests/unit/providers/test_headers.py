"""Header fields that go upstream, credentials among them."""

import pytest
from tests.unit.providers.test_registry import CANARY, call, detail, fields, good

from aigw_sansio.config import ProviderSettings
from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.providers.call import ProviderCall
from aigw_sansio.providers.headers import encode_fields, forwarded, forwarded_upgrade
from aigw_sansio.secret import Secret

STORED = ProviderSettings(api_key=Secret(CANARY))


# -- fields ---------------------------------------------------------------------------------------------------------


def test_names_are_case_insensitive_and_the_last_wins() -> None:
    assert forwarded([("X-A", "1"), ("x-b", "2"), ("x-a", "3")]) == {"x-a": "3", "x-b": "2"}


@pytest.mark.parametrize(
    "name",
    [
        "cf-aig-authorization",
        "CF-AIG-Request-Timeout",
        "Connection",
        "keep-alive",
        "proxy-authorization",
        "proxy-authenticate",
        "proxy-connection",
        "TE",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "Host",
        "Content-Length",
        "expect",
        "Accept-Encoding",
    ],
)
def test_what_is_never_forwarded(name: str) -> None:
    assert forwarded([(name, "x"), ("x-kept", "1")]) == {"x-kept": "1"}


def test_fields_that_connection_names_are_of_one_hop() -> None:
    assert (
        forwarded([("Connection", "X-Secret"), ("connection", "close, x-other"), ("x-secret", "1"), ("X-Other", "2")])
        == {}
    )


@pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\r\nx: y", "a\0b", "\x1b[0m", "a\x7f", "a\n"])
def test_control_characters_in_values_are_refused(value: str) -> None:
    text = detail(call(headers=[("X-Thing", value)]))
    assert text == "request.headers.X-Thing holds a control character; allowed is text without CR, LF, NUL"


@pytest.mark.parametrize("name", ["", "a b", "a:b", ":path", "a\r\nb", "ü", "x\n", "a(b)", "\ud800"])
def test_names_that_are_no_tokens_are_refused_without_being_quoted(name: str) -> None:
    text = detail(call(headers=[("ok", "1"), (name, "v")]))
    assert text.startswith("request.headers has a bad name at position 1; allowed are ")


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("ü", b"\xfc"),
        ("\x80", b"\x80"),
        ("€", b"\xe2\x82\xac"),
        ("ü€", b"\xc3\xbc\xe2\x82\xac"),
        ("a\tb", b"a\tb"),
        (" a ", b"a"),
    ],
)
def test_values_are_latin_1_or_else_utf_8(value: str, encoded: bytes) -> None:
    assert dict(good(call(headers=[("x-a", value)])).request.headers)[b"x-a"] == encoded


def test_lone_surrogates_are_refused() -> None:
    assert detail(call(headers=[("x-a", "\ud83d")])) == (
        "request.headers.x-a holds a lone surrogate; allowed is Unicode text"
    )
    assert isinstance(encode_fields({"a": "\udfff"}), Fault)


def test_what_we_set() -> None:
    assert fields(call(headers=[("accept-encoding", "gzip, br")])) == {
        "accept-encoding": "identity",
        "content-type": "application/json",
    }
    given = fields(call(headers=[("Content-Type", "multipart/form-data; boundary=x")]))
    assert given["content-type"] == "multipart/form-data; boundary=x"
    assert "content-type" not in fields(call(body=None))


@pytest.mark.parametrize(
    ("method", "body"), [("GET", b""), ("head", b""), ("DELETE", b"{}"), ("put", b"{}"), ("Q-X", b"{}")]
)
def test_methods(method: str, body: bytes) -> None:
    made = good(call(method=method))
    assert made.request.body == body
    assert made.request.method.decode() == (method if method == "Q-X" else method.upper())


@pytest.mark.parametrize("method", ["CONNECT", "connect", "TRACE", "Trace", "", "GE T", "GET\r\n", "É"])
def test_methods_that_are_refused(method: str) -> None:
    assert detail(call(method=method)).startswith("request.method is not allowed; allowed are POST, GET, ")


def test_an_upgrade_keeps_all_but_what_is_of_one_hop_or_of_a_browser() -> None:
    kept = forwarded_upgrade(
        [
            (b"Host", b"gw"),
            (b"Connection", b"Upgrade, X-Hop"),
            (b"X-Hop", b"1"),
            (b"Upgrade", b"websocket"),
            (b"Sec-WebSocket-Key", b"x"),
            (b"sec-websocket-protocol", b"x"),
            (b"cf-aig-authorization", b"x"),
            (b"Origin", b"https://a"),
            (b"Cookie", b"a=b"),
            (b"Forwarded", b"for=1"),
            (b"X-Forwarded-For", b"1"),
            (b":protocol", b"websocket"),
            (b"Authorization", b"Bearer k"),
            (b"OpenAI-Beta", b"realtime=v1"),
            (b"X-Many", b"a"),
            (b"x-many", b"\xfc"),
            (b"x-bad", b"a\x00b"),
        ]
    )
    assert kept == {"authorization": "Bearer k", "openai-beta": "realtime=v1", "x-many": "a, ü"}


# -- credentials ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "field",
    [
        ("Authorization", "Bearer dummy"),
        ("authorization", "Basic eA=="),
        ("authorization", "raw"),
        ("X-API-Key", "token"),
        ("api-key", "k"),
        ("x-goog-api-key", "k"),
        ("xi-api-key", "k"),
    ],
)
def test_a_client_s_key_passes_untouched_and_keeps_stored_ones_out(field: tuple[str, str]) -> None:
    stored = ProviderSettings(api_key=Secret(CANARY), headers=(("x-org", CANARY),))
    made = fields(call("anthropic", "v1/messages", headers=[field], anthropic=stored))
    assert made[field[0].lower()] == field[1]
    assert CANARY not in str(made)


@pytest.mark.parametrize(
    "field",
    [
        ("Authorization", "Bearer ours"),
        ("authorization", "bearer  ours "),
        ("authorization", "ours"),
        ("authorization", "Token ours"),
        ("authorization", "Bearer"),
        ("authorization", "Bearer "),
        ("authorization", ""),
        ("x-api-key", "ours"),
        ("api-key", "ours"),
        ("x-goog-api-key", "ours"),
        ("xi-api-key", "ours"),
        ("x-api-key", "Bearer ours"),
    ],
)
def test_a_token_of_ours_counts_as_no_key(field: tuple[str, str]) -> None:
    made = fields(call("anthropic", "v1/messages", headers=[field], anthropic=STORED))
    assert made["x-api-key"] == CANARY
    assert "ours" not in str(made)
    bare = fields(call("anthropic", "v1/messages", headers=[field]))
    assert set(bare) == {"accept-encoding", "content-type"}


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("key=ours", ""),
        ("alt=sse&key=ours", "?alt=sse"),
        ("key=ou%72s&alt=sse", "?alt=sse"),
        ("API_KEY=ours&a=%2f", "?a=%2f"),
    ],
)
def test_a_token_of_ours_in_the_query_is_removed(query: str, left: str) -> None:
    made = good(call("google", f"v1/models/g:generateContent?{query}", google_ai_studio=STORED))
    assert made.request.target.decode() == f"/v1/models/g:generateContent{left}"
    assert fields(made)["x-goog-api-key"] == CANARY


def test_a_key_in_the_query_is_a_key_where_the_provider_reads_it_there() -> None:
    made = call("google", "v1/models/g:generateContent?key=mine", google_ai_studio=STORED)
    assert good(made).request.target.endswith(b"?key=mine")
    assert CANARY not in str(fields(made))
    assert CANARY in str(fields(call("openai", "chat/completions?key=sort", openai=STORED)))


def test_stored_fields_come_with_the_stored_key_and_the_client_s_win() -> None:
    mine = ProviderSettings(
        base_url="https://llm.example", api_key=Secret(CANARY), headers=(("X-Org", "o"), ("x-team", "t"))
    )
    made = fields(call("custom-mine", "x", headers=[("x-team", "client")], custom_mine=mine))
    assert made["x-org"] == "o"
    assert made["x-team"] == "client"
    assert made["authorization"] == f"Bearer {CANARY}"


def test_mantle_takes_a_bearer_token_as_its_own_key() -> None:
    endpoint = "bedrock-mantle/us-east-1/anthropic/v1/messages"
    made = fields(call("aws-bedrock", endpoint, headers=[("authorization", "bearer k")]))
    assert made["x-api-key"] == "k"
    assert "authorization" not in made
    runtime = fields(
        call("aws-bedrock", "bedrock-runtime/us-east-1/model/m/converse", headers=[("authorization", "Bearer k")])
    )
    assert runtime["authorization"] == "Bearer k"


def test_an_azure_key_is_for_its_resource() -> None:
    stored = ProviderSettings(api_key=Secret('{"resource": "mine", "apiKey": "' + CANARY + '"}'))
    made = fields(call("azure-openai", "mine/dep/chat/completions", azure_openai=stored))
    assert made["api-key"] == CANARY
    text = detail(call("azure-openai", "theirs/dep/chat/completions", azure_openai=stored))
    assert "the key stored for azure-openai is not sent there" in text
    fixed = ProviderSettings(api_key=Secret(CANARY), base_url="https://mine.openai.azure.com")
    assert fields(call("azure-openai", "any/d/chat/completions", azure_openai=fixed))["api-key"] == CANARY


def test_a_stored_key_in_a_form_that_its_provider_has_not() -> None:
    broken = call(
        "aws-bedrock",
        "bedrock-runtime/us-east-1/model/m/converse",
        aws_bedrock=ProviderSettings(api_key=Secret('{"accessKeyId": "' + CANARY + '"}')),
    )
    assert isinstance(broken, Fault)
    assert broken.side is Side.GATEWAY
    assert broken.detail.startswith("providers.aws-bedrock.api_key is JSON of no known form; allowed are ")


# -- secrets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "result",
    [
        call(headers=[("authorization", f"Bearer {CANARY}")], endpoint=f"x?key={CANARY}", body=CANARY.encode()),
        call("anthropic", "v1/messages", anthropic=STORED),
        call(headers=[("authorization", f"Bearer {CANARY}\r\n")]),
        call(headers=[(f"{CANARY}:", "x")]),
        call(headers=[(f"Bearer {CANARY}", "x")]),
        call(headers=[("x", f"{CANARY}\ud800")]),
        call(endpoint=f"../x?key={CANARY}"),
        call(endpoint=f"https://{CANARY}/"),
        call(endpoint=f"x?key={CANARY}#"),
        call(method=f"{CANARY}\r\n"),
        call("azure-openai", f"{CANARY}_/x/y"),
        call("azure-openai", "r/x/y", azure_openai=STORED),
        call("fal", "x", headers=[("x-fal-target-url", f"https://{CANARY}@h/")]),
        call("fal", "x", headers=[("x-fal-target-url", f"https://h/?{CANARY}")]),
        call("aws-bedrock", "bedrock-runtime/us-east-1/x", aws_bedrock=ProviderSettings(api_key=Secret("{" + CANARY))),
        call("google-vertex-ai", "v1/publishers/x", google_vertex_ai=ProviderSettings(api_key=Secret("{" + CANARY))),
        call("workers-ai", "@cf/x", account=f"{CANARY}/"),
    ],
    ids=repr,
)
def test_no_key_is_ever_shown(result: ProviderCall | Fault) -> None:
    assert CANARY not in repr(result)
    assert CANARY not in str(result)
    if isinstance(result, Fault):
        assert result.kind is FaultKind.INVALID_REQUEST
        assert len(result.detail) < 300
    else:
        assert CANARY not in repr(result.request)


def test_settings_do_not_show_stored_keys() -> None:
    stored = ProviderSettings(api_key=Secret(CANARY), headers=(("x-org", CANARY),))
    assert CANARY not in repr(stored)
    assert "x-org" in repr(stored)
