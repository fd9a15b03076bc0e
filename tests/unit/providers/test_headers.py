"""Header fields that go upstream, credentials among them."""

import pytest
from tests.rigs.provider_calls import call, detail, good

from aigw_sansio.config import ProviderSettings
from aigw_sansio.faults import Fault
from aigw_sansio.providers.headers import encode_fields, forwarded, forwarded_upgrade, put_operators_fields

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
def test_fields_that_are_never_forwarded(name: str) -> None:
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


#: One field of each kind that stays here, in the spelling of who sets it.
STOPPED = [
    "CF-Connecting-IP",
    "CF-Ray",
    "CF-Visitor",
    "CF-IPCountry",
    "CF-Warp-Tag-Id",
    "CDN-Loop",
    "True-Client-IP",
    "X-Real-IP",
    "X-Client-IP",
    "Via",
    "Fly-Client-IP",
    "Fly-Region",
    "Fastly-Client-IP",
    "X-Azure-ClientIP",
    "X-Envoy-External-Address",
    "X-Envoy-Attempt-Count",
    "X-Original-Forwarded-For",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-HTTP-Method-Override",
    "X-Amzn-Trace-Id",
    "X-Cloud-Trace-Context",
    "X-Vercel-Id",
    "X-Request-Start",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "Forwarded",
    "Cookie",
    "Origin",
    "cf-aig-authorization",
    "Sec-WebSocket-Key",
    "Host",
    "Content-Length",
    "Accept-Encoding",
    "TE",
    "Upgrade",
]


@pytest.mark.parametrize("name", STOPPED)
def test_one_list_for_steps_and_upgrades(name: str) -> None:
    assert forwarded([(name, "x"), ("x-kept", "1")]) == {"x-kept": "1"}
    for written in (name, name.lower(), name.upper()):
        assert forwarded_upgrade([(written.encode(), b"x"), (b"x-kept", b"1")]) == {"x-kept": "1"}


@pytest.mark.parametrize(
    "name", ["user-agent", "x-request-id", "traceparent", "x-fal-target-url", "x-cf", "originator"]
)
def test_other_fields_go_on(name: str) -> None:
    assert forwarded([(name, "x")]) == {name: "x"}
    assert forwarded_upgrade([(name.encode(), b"x")]) == {name: "x"}


def test_an_upgrade_keeps_all_but_what_is_of_one_hop_or_about_the_client() -> None:
    kept = forwarded_upgrade(
        [
            (b"Connection", b"Upgrade, X-Hop"),
            (b"X-Hop", b"1"),
            (b":protocol", b"websocket"),
            (b"Authorization", b"Bearer k"),
            (b"OpenAI-Beta", b"realtime=v1"),
            (b"X-Many", b"a"),
            (b"x-many", b"\xfc"),
            (b"x-bad", b"a\x00b"),
        ]
    )
    assert kept == {"authorization": "Bearer k", "openai-beta": "realtime=v1", "x-many": "a, ü"}


def test_the_origin_passes_if_a_provider_wants_it() -> None:
    assert forwarded([("Origin", "https://a"), ("cookie", "c")], pass_origin=True) == {"origin": "https://a"}
    assert forwarded_upgrade([(b"Origin", b"https://a"), (b"via", b"c")], pass_origin=True) == {"origin": "https://a"}


@pytest.mark.parametrize("client_has_key", [False, True])
def test_the_operators_fields(client_has_key: bool) -> None:
    fields = {"x-org": "client"}
    put_operators_fields(fields, [("X-Org", "own"), ("ORIGIN", "https://h")], None, client_has_key=client_has_key)
    assert fields == {"x-org": "client" if client_has_key else "own", "origin": "https://h"}
    put_operators_fields(fields, [], "https://set", client_has_key=client_has_key)
    put_operators_fields(fields, [], "pass", client_has_key=client_has_key)
    assert fields["origin"] == "https://set"


@pytest.mark.parametrize("own", [ProviderSettings(origin="https://own"), ProviderSettings(origin="pass")])
def test_the_origin_of_a_step(own: ProviderSettings) -> None:
    made = dict(good(call(headers=[("Origin", "https://a"), ("authorization", "k")], openai=own)).request.headers)
    assert made[b"origin"] == (b"https://a" if own.origin == "pass" else b"https://own")
    assert b"origin" not in dict(good(call(headers=[("Origin", "https://a")])).request.headers)
