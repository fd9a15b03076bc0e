"""The request in an ASGI scope, as servers and frameworks write it."""

import tracemalloc
from typing import Any

import pytest

from aigw_drivers.core.asgi_scope import address_of, headers_of, subprotocols_of, target_of


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        ({"path": "/v1/a/b", "raw_path": b"/v1/a/b"}, b"/v1/a/b"),
        ({"path": "/v1/a/b"}, b"/v1/a/b"),
        ({"path": "/v1/a/b", "raw_path": None, "query_string": b"x=%20"}, b"/v1/a/b?x=%20"),
        ({"path": "/v1/a/b", "raw_path": b"/v1/a/b?x"}, b"/v1/a/b"),
        ({"path": "/v1/a/b c", "raw_path": b"/v1/a/b%20c"}, b"/v1/a/b%20c"),
        ({"path": "/v1/a/b/c", "raw_path": b"/v1/a/b%2Fc"}, b"/v1/a/b%2Fc"),
        ({"path": "/v1/ä b"}, b"/v1/%C3%A4%20b"),
        # Starlette, FastAPI, hypercorn: the mount path is in front, and named
        ({"path": "/llm/v1/a", "raw_path": b"/llm/v1/a", "root_path": "/llm"}, b"/v1/a"),
        ({"path": "/a b/v1/c/d", "raw_path": b"/a%20b/v1/c%2Fd", "root_path": "/a b/"}, b"/v1/c%2Fd"),
        ({"path": "/a b/v1/c/d", "raw_path": b"/a%20b/v1/%63/d", "root_path": "/a b/"}, b"/v1/%63/d"),
        ({"path": "/v1/a", "raw_path": b"/llm/v1/a", "root_path": "/llm"}, b"/v1/a"),
        ({"path": "/llmx/v1/a", "root_path": "/llm"}, b"/llmx/v1/a"),
        # Litestar: without it, and with a slash behind
        ({"path": "/v1/a/", "raw_path": b"/llm/v1/a", "root_path": ""}, b"/v1/a"),
        ({"path": "/v1/a/", "raw_path": b"/llm/v1/a/", "root_path": ""}, b"/v1/a/"),
        ({"path": "/v1/a%b/", "raw_path": b"/llm/v1/a%25b", "root_path": ""}, b"/v1/a%25b"),
        ({"path": "/other", "raw_path": b"/llm/v1/a"}, b"/other"),
        ({}, b""),
    ],
)
def test_the_target(scope: dict[str, Any], target: bytes) -> None:
    assert target_of(scope) == target


def test_a_path_of_slashes_costs_linear_memory() -> None:
    path = "/" * 60_000
    tracemalloc.start()
    try:
        assert target_of({"path": path, "raw_path": b"/llm" + path.encode()}) == path.encode()
        assert target_of({"path": path + "x", "raw_path": path.encode()}) == path.encode() + b"x"
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_what_a_server_leaves_out() -> None:
    assert headers_of({}) == subprotocols_of({"subprotocols": None}) == []
    assert address_of({"client": None}, "client") is None


def test_the_rest() -> None:
    scope = {"headers": [[bytearray(b"a"), b"b"]], "subprotocols": ("x",), "server": ["h", None]}
    assert headers_of(scope) == [(b"a", b"b")]
    assert subprotocols_of(scope) == ["x"]
    assert address_of(scope, "server") == ("h", None)
