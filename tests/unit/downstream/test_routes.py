"""Which resource a URL names, tricky ones too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.downstream.routes import (
    HealthResource,
    MetricsResource,
    NoResource,
    PageResource,
    ReadinessResource,
    RealtimeResource,
    Resource,
    ResponsesResource,
    UniversalResource,
    UnservedResource,
    route,
    split_target,
)


@pytest.mark.parametrize(("path", "wanted"), [
    ("/healthz", HealthResource()), ("/readyz", ReadinessResource()), ("/metrics", MetricsResource()),
    ("/healthz/", NoResource()), ("/Healthz", NoResource()), ("/%68ealthz", NoResource()), ("//healthz", NoResource()),
    ("/v1/a/g", UniversalResource("a", "g")), ("/v1/a/g/", UniversalResource("a", "g")),
    ("/v1/a/g/openai", RealtimeResource("a", "g", "openai")), ("/v1/a/g/openai/", RealtimeResource("a", "g", "openai/")),
    ("/v1/a/g/openai/v1/realtime", RealtimeResource("a", "g", "openai/v1/realtime")), ("/v1/a/g//x", RealtimeResource("a", "g", "/x")),
    ("/v1/a/g/../../x", RealtimeResource("a", "g", "../../x")), ("/v1/a/g/%2e%2e", RealtimeResource("a", "g", "%2e%2e")),
    ("/v1/a/g/compat/responses", ResponsesResource("a", "g", "compat")), ("/v1/a/g/openai/v1/responses", ResponsesResource("a", "g", "openai")),
    ("/v1/a/g/openai/v1beta/responses", UnservedResource()), ("/v1/a/g/openai/responses/", UnservedResource()), ("/v1/a/g/openai/%72%65sponses", UnservedResource()),
    ("/v1/a/g/compat", UnservedResource()), ("/v1/a/g/compat/", UnservedResource()), ("/v1/a/g/compat/v1/realtime", UnservedResource()), ("/v1/a/g/responses", UnservedResource()),
    ("/v1/a/g/openai/responses/x", RealtimeResource("a", "g", "openai/responses/x")), ("/v1/a/g/openai/responses2", RealtimeResource("a", "g", "openai/responses2")),
    ("/v1/caf%C3%A9/g", UniversalResource("café", "g")), ("/v1/caf\xc3\xa9/g", UniversalResource("café", "g")), ("/v1/a%20b/g", UniversalResource("a b", "g")),
    ("/v1/%ff/g", NoResource()), ("/v1/\xff/g", NoResource()), ("/v1/a%zz/g", UniversalResource("a%zz", "g")),
    ("/v1", NoResource()), ("/v1/", NoResource()), ("/v1/a", NoResource()), ("/v1/a/", NoResource()), ("/v1//g", NoResource()), ("/v1///", NoResource()),
    ("/v2/a/g", NoResource()), ("/V1/a/g", NoResource()), ("v1/a/g", NoResource()), ("x/v1/a/g", NoResource()), ("//v1/a/g", NoResource()),
    ("", NoResource()), ("/", PageResource("")), ("/page/", PageResource("")), ("/page/a/b", PageResource("a/b")), ("/page", NoResource()), ("*", NoResource()), ("gateway.test:443", NoResource()),
])  # fmt: skip
def test_routes(path: str, wanted: Resource) -> None:
    assert route(path) == wanted


@pytest.mark.parametrize(("target", "wanted"), [
    (b"/v1/a/g", ("/v1/a/g", "")), (b"/v1/a/g?x=1&y", ("/v1/a/g", "x=1&y")), (b"/v1?a?b", ("/v1", "a?b")),
    (b"/v1/a/g?", ("/v1/a/g", "")), (b"/v1/a/g#f?x", ("/v1/a/g", "")), (b"/v1?x#f", ("/v1", "x")),
    (b"http://h/v1/a/g?x", ("/v1/a/g", "x")), (b"HTTPS://h:1/v1", ("/v1", "")), (b"wss://u:p@h/v1", ("/v1", "")),
    (b"http://h", ("/", "")), (b"http://h?x=/y", ("/", "x=/y")), (b"http:///v1", ("/v1", "")),
    (b"*", ("*", "")), (b"h:443", ("h:443", "")), (b"", ("", "")), (b"/\xc3\xa9", ("/\xc3\xa9", "")), (b"//h/v1", ("//h/v1", "")),
])  # fmt: skip
def test_targets(target: bytes, wanted: tuple[str, str]) -> None:
    assert split_target(target) == wanted


@given(st.binary(max_size=60))
def test_any_target_has_a_route(tail: bytes) -> None:
    path, _ = split_target(b"/v1/" + tail)
    found = route(path)
    if isinstance(found, UniversalResource | RealtimeResource | ResponsesResource):
        assert found.account
        assert found.gateway
    else:
        assert found in (NoResource(), UnservedResource())
