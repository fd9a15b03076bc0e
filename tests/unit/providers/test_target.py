"""Endpoints and base URLs: what is joined, what is encoded, what is refused; and that no endpoint leaves its host."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.providers.target import (
    MAX_LENGTH,
    BaseUrl,
    Endpoint,
    RefusedTarget,
    build_target,
    check_endpoint,
    join_path,
    parse_base_url,
    reads_back,
)


def target(base: str, endpoint: str) -> str | RefusedTarget:
    url = parse_base_url(base)
    assert isinstance(url, BaseUrl), url
    checked = check_endpoint(endpoint)
    return checked if isinstance(checked, RefusedTarget) else build_target(url, checked)


@pytest.mark.parametrize(
    ("base", "endpoint", "expected"),
    [
        # appended; leading slashes are stripped
        ("https://h", "v1/messages", "/v1/messages"),
        ("https://h/", "/v1/messages", "/v1/messages"),
        ("https://h", "///v1/messages", "/v1/messages"),
        ("https://h/models/", "org/model", "/models/org/model"),
        ("https://h", "", "/"),
        ("https://h/v1", "", "/v1"),
        ("https://h/v1", "/", "/v1"),
        ("https://h/v1", "chat/completions/", "/v1/chat/completions/"),
        ("https://h/v1", "a//b", "/v1/a//b"),
        # a whole-segment suffix of the base is lost, the longest first
        ("https://h/openai/v1", "v1/x", "/openai/v1/x"),
        ("https://h/openai/v1", "openai/v1/x", "/openai/v1/x"),
        ("https://h/openai/v1", "openai/v1", "/openai/v1"),
        ("https://h/openai/v1", "openai/x", "/openai/v1/openai/x"),
        ("https://h/ai/run", "run/@cf/m", "/ai/run/@cf/m"),
        ("https://h/ai/run", "running/x", "/ai/run/running/x"),
        ("https://h/a/b/a", "a/b/a/x", "/a/b/a/x"),
        ("https://h/v1", "v1/v1/x", "/v1/v1/x"),
        # a version replaces a version
        ("https://h/v1", "v2/chat", "/v2/chat"),
        ("https://h/api/v1", "v1beta/x", "/api/v1beta/x"),
        ("https://h/v1beta1", "v1/x", "/v1/x"),
        ("https://h/v1/models", "v2/x", "/v1/models/v2/x"),
        ("https://h/v1", "v2x/x", "/v1/v2x/x"),
        ("https://h/v1", "V2/x", "/v1/V2/x"),
        # the query is kept as it came
        ("https://h/v1", "x?a=1&b=%2F%20&c", "/v1/x?a=1&b=%2F%20&c"),
        ("https://h/v1", "x?", "/v1/x?"),
        ("https://h/v1", "x?a=../..&u=https://e/?q=1", "/v1/x?a=../..&u=https://e/?q=1"),
        ("https://h/v1?api-version=1", "x", "/v1/x?api-version=1"),
        ("https://h/v1?api-version=1", "x?y=2", "/v1/x?api-version=1&y=2"),
        # what URLs do not allow is encoded; what is encoded stays so
        ("https://h", "models/g:streamGenerateContent", "/models/g:streamGenerateContent"),
        ("https://h", "model/arn%3Aaws%3Abedrock%2Fx/invoke", "/model/arn%3Aaws%3Abedrock%2Fx/invoke"),
        ("https://h", "a b/ü/<x>|y", "/a%20b/%C3%BC/%3Cx%3E%7Cy"),
        ("https://h", 'x?q=a b\u00e9"', '/x?q=a%20b%C3%A9"'),
        ("https://h", "a%23b", "/a%23b"),
        ("https://h", "a%3Fb", "/a%3Fb"),
        ("https://h", "user@evil.com/x", "/user@evil.com/x"),
        ("https://h", "@evil.com", "/@evil.com"),
        ("https://h", "evil.com:443/x", "/evil.com:443/x"),
        ("https://h", ":80/x", "/:80/x"),
        ("https://h", "org/model:latest", "/org/model:latest"),
        ("https://h", "...", "/..."),
        ("https://h", ".well-known/x", "/.well-known/x"),
        ("https://h", "a..b/c.", "/a..b/c."),
        ("https://h", "50%25", "/50%25"),
        ("https://h", "[::1]/x", "/%5B::1%5D/x"),
    ],
)
def test_targets_that_are_built(base: str, endpoint: str, expected: str) -> None:
    assert target(base, endpoint) == expected


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("https://evil.com/x", "scheme"),
        ("HTTPS://evil.com/x", "scheme"),
        ("/https://evil.com/x", "scheme"),
        ("https:evil.com", "scheme"),
        ("http:/evil.com", "scheme"),
        ("gopher:/x", "scheme"),
        ("javascript:x", "scheme"),
        ("//evil.com/x", "host"),
        ("//user@evil/x", "host"),
        ("//evil:443/x", "host"),
        ("//127.0.0.1/x", "host"),
        ("..", "'..'"),
        ("../x", "'..'"),
        ("/../x", "'..'"),
        ("a/../../x", "'..'"),
        ("a/..", "'..'"),
        ("a/./b", "'..'"),
        ("./x", "'..'"),
        ("%2e%2e/x", "'..'"),
        ("%2E./x", "'..'"),
        (".%2e/x", "'..'"),
        ("a%2f..%2fb", "'..'"),
        ("a%2F%2e%2E%2Fb", "'..'"),
        ("%252e%252e/x", "'..'"),
        ("%25252e%25252e%25252fx", "'..'"),
        ("%25/%252e%252e/x", "'..'"),
        ("%c0%ae%c0%ae/x", "not UTF-8"),
        ("..;/x", "'..'"),
        ("a/..;v=1/x", "'..'"),
        ("a/%2e%2e%3b/x", "'..'"),
        ("\uff0e\uff0e/x", "'..'"),
        ("%EF%BC%8E%EF%BC%8E/x", "'..'"),
        ("\u2025/x", "'..'"),
        ("a\\..\\b", "backslash"),
        ("\\evil.com", "backslash"),
        ("a%5cb", "backslash"),
        ("a%255cb", "backslash"),
        ("x?a\\b", "backslash"),
        ("a\r\nHost: evil", "control"),
        ("a\tb", "control"),
        ("a\x00b", "control"),
        ("a\x7fb", "control"),
        ("a\x85b", "control"),
        ("a%0d%0ab", "control"),
        ("a%00", "control"),
        ("a%250a", "control"),
        ("x?a\r\nb", "control"),
        ("x?a\x00", "control"),
        ("x#frag", "#"),
        ("x?a#frag", "#"),
        ("#@evil.com", "#"),
        ("a%zz", "hexadecimal"),
        ("a%", "hexadecimal"),
        ("a%2", "hexadecimal"),
        ("\ud83d", "surrogates"),
        ("x?\ud83d", "surrogates"),
        ("%2525252525252541", "too many"),
        ("x" * (MAX_LENGTH + 1), "longer"),
    ],
)
def test_endpoints_that_are_refused(endpoint: str, said: str) -> None:
    result = target("https://api.example/v1", endpoint)
    assert isinstance(result, RefusedTarget), result
    assert said in result.why


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h", BaseUrl("https", "h", 443)),
        ("https://API.Example.com:8443/v1/", BaseUrl("https", "api.example.com", 8443, "/v1")),
        ("http://127.0.0.1:11434", BaseUrl("http", "127.0.0.1", 11434)),
        ("http://[::1]:8080/x?y=1", BaseUrl("http", "::1", 8080, "/x", "y=1")),
        ("wss://h/x", BaseUrl("https", "h", 443, "/x")),
        ("ws://localhost:1", BaseUrl("http", "localhost", 1)),
        ("https://xn--bcher-kva.example", BaseUrl("https", "xn--bcher-kva.example", 443)),
        ("https://my_host.internal", BaseUrl("https", "my_host.internal", 443)),
    ],
)
def test_base_urls(url: str, expected: BaseUrl) -> None:
    assert parse_base_url(url) == expected


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "https://"),
        ("h/v1", "https://"),
        ("ftp://h", "https://"),
        ("file:///etc/passwd", "https://"),
        ("https://", "host name"),
        ("https:///x", "host name"),
        ("https://user:pw@h", "user name"),
        ("https://@h", "user name"),
        ("https://h:0", "port"),
        ("https://h:", "port"),
        ("https://h:65536", "not a URL"),
        ("https://h:x", "not a URL"),
        ("https://h:-1", "not a URL"),
        ("https://h#f", "fragment"),
        ("https://h/#", "fragment"),
        ("https://bücher.example", "ASCII"),
        ("https://h/ü", "ASCII"),
        ("https://ⓔvil", "ASCII"),
        ("https://h\\.evil", "backslash"),
        ("https://h\r\n", "control"),
        ("https://h /x", "blanks"),
        (" https://h", "blanks"),
        ("https://h..x", "host name"),
        ("https://-h", "host name"),
        ("https://h.", "host name"),
        ("https://" + "a" * 64, "host name"),
        ("https://" + ".".join(["a" * 60] * 5), "host name"),
        ("https://%68ost", "host name"),
        ("https://[::1", "not a URL"),
        ("https://[::g]", "not a URL"),
        ("https://[fe80::1%25eth0]", "zone"),
        ("https://127.1", "IPv4"),
        ("https://0x7f.1", "IPv4"),
        ("https://2130706433", "IPv4"),
        ("https://256.1.1.1", "IPv4"),
        ("https://0177.0.0.1", "IPv4"),
        ("https://h/a/../b", "'..'"),
        ("https://h/%2e%2e", "'..'"),
        ("https://h/<x>", "percent-encoded"),
        ("https://h/" + "x" * MAX_LENGTH, "longer"),
    ],
)
def test_base_urls_that_are_refused(url: str, said: str) -> None:
    result = parse_base_url(url)
    assert isinstance(result, RefusedTarget), result
    assert said in result.why


@pytest.mark.parametrize("path", ["x", "//x\n", "/x#y", "", "@evil/x"])
def test_a_target_that_reads_back_differently_is_noticed(path: str) -> None:
    assert not reads_back(BaseUrl("https", "h", 443), path)


_AWKWARD = st.text(alphabet=st.sampled_from("/.%2eEfF5cC@:?#&=;\\ \t\r\n\0aVv1\uff0e\u3002\ud800ß"), max_size=24)


@given(st.one_of(_AWKWARD, st.text(max_size=24)), st.sampled_from(["", "/v1", "/openai/v1", "/a/b"]))
def test_no_endpoint_leaves_the_host_or_the_base(endpoint: str, path: str) -> None:
    result = target(f"https://api.example:8443{path}", endpoint)
    if isinstance(result, RefusedTarget):
        return
    parts = urlsplit("https://api.example:8443" + result)
    assert (parts.hostname, parts.port, parts.username, parts.fragment) == ("api.example", 8443, None, "")
    assert result.isascii()
    assert result.startswith("/")
    assert not any(ord(c) <= 32 or c == "\\" for c in result)
    assert not {".", ".."} & set(parts.path.split("/"))
    # nothing above the base can be reached, but for its last segment where that is a version
    assert parts.path.startswith(path.rpartition("/")[0])


@given(st.text(max_size=24))
def test_checking_twice_changes_nothing(endpoint: str) -> None:
    once = check_endpoint(endpoint)
    if isinstance(once, Endpoint):
        again = check_endpoint(once.path + ("" if once.query is None else "?" + once.query))
        assert again == once or once.path.startswith(("http:", "https:"))


def test_joining_is_about_whole_segments() -> None:
    assert join_path("/xv1", "v1/y") == "/xv1/v1/y"
