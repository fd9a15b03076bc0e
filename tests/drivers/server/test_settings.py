"""The settings file: what it gives, and the exact words for what is wrong."""

from pathlib import Path

import msgspec
import pytest

from aigw_drivers.server.settings import ServerSettings, Settings, SettingsError, load_settings, read_settings
from aigw_sansio import Parts, Provider, Route
from aigw_sansio.config import Config, GatewaySettings, Limits, ProviderSettings, Retry, Timeouts
from aigw_sansio.ids import CustomCost
from aigw_sansio.providers.registry import REGISTRY
from aigw_sansio.quota_rules import QuotaRule, Selector
from aigw_sansio.secret import Secret

CANARY = "sk-canary-90ab"
ENVIRON = {
    "KEY": CANARY,
    "PORT": "9000",
    "COMPRESSION": "stream",
    "ON": "true",
    "EMPTY": "",
    "NUMBER": "x1",
    "BLANK": f"{CANARY} x",
}


def read(text: str, *, files: tuple[str, ...] = ()) -> Settings:
    return read_settings(text.encode(), file="conf/aigw.toml", environ=ENVIRON, is_file=files.__contains__)


def errors(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(text)
    for line in caught.value.errors:
        assert line.startswith("conf/aigw.toml: ")
        assert CANARY not in line
        assert "\n" not in line
    assert str(caught.value).split("\n") == list(caught.value.errors)
    return [line.removeprefix("conf/aigw.toml: ") for line in caught.value.errors]


def test_no_file_and_an_empty_file_give_the_defaults() -> None:
    assert load_settings(None, {}) == read("") == Settings()
    settings = Settings()
    assert settings.config.gateways == {"local/default": GatewaySettings()}
    assert settings.server == ServerSettings(host="127.0.0.1", port=8787)
    assert settings.store.reveal() == "memory:"


def test_a_whole_file() -> None:
    text = """
    [server]
    host = "0.0.0.0"
    port = "env:PORT"
    tls_certificate = "cert.pem"
    tls_key = "/etc/key.pem"
    workers = 2

    [gateways."acc/gw"]
    authentication = "env:ON"
    tokens = ["env:KEY", "second"]
    origins = ["https://app.example", "http://localhost:3000", "null"]
    query_token = true
    compression = "env:COMPRESSION"
    cache_ttl = 600
    store_ttl = 3600
    coalesce = true
    rate_limiting_limit = 0
    rate_limiting_interval = 0
    rate_limiting_technique = "fixed"
    collect_logs = false
    collect_log_payload = true
    byok_only = false
    ask = ["admit", "find_key"]
    fetch_media = true
    retry_max_attempts = 3
    retry_delay = 250
    retry_backoff = "linear"

    [gateways."acc/other"]

    [providers.openai]
    api_key = "env:KEY"
    base_url = "http://127.0.0.1:8080/v1"
    realtime_url = "ws://[::1]:8080/rt"
    http2 = true
    ca_file = "ca.pem"
    headers = { OpenAI-Project = "p", x-empty = "" }

    [providers.google]
    api_key = "g"
    http2 = "auto"

    [providers.custom-mine]
    base_url = "https://llm.example/v1"
    http2 = false

    [limits]
    message_bytes = 1024

    [timeouts]
    first_byte_s = 5
    realtime_idle_s = "none"

    [store]
    url = "memory:"
    """
    settings = read(text, files=("conf/cert.pem", "/etc/key.pem", "conf/ca.pem"))
    assert settings == Settings(
        config=Config(
            gateways={
                "acc/gw": GatewaySettings(
                    authentication=True,
                    tokens=(Secret(CANARY), Secret("second")),
                    origins=("https://app.example", "http://localhost:3000", "null"),
                    query_token=True,
                    ask=("admit", "find_key"),
                    fetch_media=True,
                    collect_logs=False,
                    collect_log_payload=True,
                    compression="stream",
                    cache_ttl=600,
                    store_ttl=3600,
                    coalesce=True,
                    retry=Retry(max_attempts=3, delay_ms=250, backoff="linear"),
                ),
                "acc/other": GatewaySettings(),
            },
            providers={
                "openai": ProviderSettings(
                    base_url="http://127.0.0.1:8080/v1",
                    realtime_url="ws://[::1]:8080/rt",
                    api_key=Secret(CANARY),
                    headers=(("OpenAI-Project", "p"), ("x-empty", "")),
                    http2="on",
                    ca_file="conf/ca.pem",
                ),
                "google-ai-studio": ProviderSettings(api_key=Secret("g"), http2="auto"),
                "custom-mine": ProviderSettings(base_url="https://llm.example/v1", http2="off"),
            },
            limits=Limits(message_bytes=1024),
            timeouts=Timeouts(first_byte_s=5.0, realtime_idle_s=None),
            ceilings=("first_byte_s",),
        ),
        server=ServerSettings(
            host="0.0.0.0", port=9000, tls_certificate="conf/cert.pem", tls_key="/etc/key.pem", workers=2
        ),
        store=Secret("memory:"),
        undecided=("acc/other",),
        holds_secrets=True,
    )
    assert type(settings.config.timeouts.first_byte_s) is float
    assert CANARY not in repr(settings)


@pytest.mark.parametrize(
    ("url", "read_as", "secret"),
    [
        ("sqlite:data/aigw.db", "sqlite:conf/data/aigw.db", False),
        ("sqlite:/var/aigw.db", "sqlite:/var/aigw.db", False),
        ("redis://cache:6380/2", "redis://cache:6380/2", False),
        ("valkeys://u:canary@h/0?cluster=true", "valkeys://u:canary@h/0?cluster=true", True),
        ("env:KEY", None, False),
    ],
)
def test_stores(url: str, read_as: str | None, *, secret: bool) -> None:
    if read_as is None:
        assert len(errors(f"[store]\nurl = '{url}'")) == 1  # the variable holds no URL
        return
    settings = read(f"[store]\nurl = '{url}'")
    assert settings.store.reveal() == read_as
    assert settings.holds_secrets is secret
    assert "canary" not in repr(settings)


def test_several_keys_of_a_provider() -> None:
    text = """
    [providers.openai]
    api_key = ["env:KEY", "second", "third"]
    [gateways."a/b".providers.openai]
    api_key = "own"
    [gateways."a/c".providers.openai]
    http2 = true
    """
    settings = read(text)
    own = settings.config.providers["openai"]
    assert (own.api_key, own.more_keys) == (Secret(CANARY), (Secret("second"), Secret("third")))
    alone, all_of_them = (settings.config.gateways[name].provider_settings["openai"] for name in ("a/b", "a/c"))
    assert (alone.api_key, alone.more_keys) == (Secret("own"), ())
    assert (all_of_them.api_key, all_of_them.more_keys) == (own.api_key, own.more_keys)
    assert settings.holds_secrets
    assert CANARY not in repr(settings)


def test_quotas_and_prices() -> None:
    text = """
    [gateways."a/b"]
    rate_limiting_limit = 100
    rate_limiting_interval = 60
    rate_limiting_technique = "sliding"
    concurrency = 7
    fail_open = true
    custom_cost = false
    ask_usage = false
    unreported_tokens = 500
    [[gateways."a/b".spend_limits.rules]]
    id = "mine"
    limitType = "cost"
    limit = 2.5
    window = 86400
    token = { mode = "partition" }
    model = { values = ["gpt-*"] }
    metadata = { user = { mode = "partition" } }
    [[gateways."a/b".spend_limits.rules]]
    limit = 5
    window = 1
    enabled = false
    [gateways."a/c"]
    rate_limiting_limit = 0
    spend_limits = { enabled = false, rules = [{ limit = 1, window = 9 }] }
    [providers.openai]
    ask_usage = false
    native = true
    [providers.openai.prices."gpt-4o*"]
    per_token_in = 2.5e-6
    per_token_out = 1e-5
    per_audio_token_out = 1
    """
    config = read(text).config
    each = Selector(mode="partition")
    assert config.gateways == {
        "a/b": GatewaySettings(
            rate_limit=QuotaRule(limit=100, window_s=60, technique="sliding", id="rate_limiting_limit"),
            rules=(
                QuotaRule(
                    id="mine",
                    measure="cost",
                    limit=2.5,
                    window_s=86400,
                    token=each,
                    model=Selector(mode="filter", values=("gpt-*",)),
                    metadata={"user": each},
                ),
                QuotaRule(limit=5, window_s=1, enabled=False),
            ),
            concurrency=7,
            fail_open=True,
            custom_cost=False,
            ask_usage=False,
            unreported_tokens=500,
        ),
        "a/c": GatewaySettings(),
    }
    prices = {"gpt-4o*": CustomCost(per_token_in=2.5e-6, per_token_out=1e-5, per_audio_token_out=1)}
    assert config.providers == {"openai": ProviderSettings(prices=prices, ask_usage=False, native=True)}


GATEWAY = '[gateways."a/b"]\n'
OPENAI = "[providers.openai]\n"
RULES = 'gateways."a/b".spend_limits.rules'
URL = "allowed is https://HOST[:PORT][/PATH], or http on loopback"
NO_BLANKS = "is not usable; allowed is printable ASCII without blanks"

BAD = [
    # tables and keys
    ("idle_s = 9", "idle_s is not known here (it is a key of [timeouts]); allowed are server, gateways, providers, limits, timeouts, store, records, otel"),
    ("[server]\nask_usage = true", 'server.ask_usage is not known here (it is a key of [gateways."A/G"] or [providers.SLUG]); allowed are host, port, tls_certificate, tls_key, workers, metrics, metrics_token, page, page_token, hosts, trusted_proxies, proxy, no_proxy'),
    ("[records]\nmemory_bytes = 9", "records.memory_bytes is not known here (it is a key of [limits]); allowed are to, queue_rows, sqlite_rows"),
    ("[store]\nqueue_rows = 9", "store.queue_rows is not known here (it is a key of [records]); allowed are url, bytes"),
    ("x = 1", "x is not known; allowed are server, gateways, providers, limits, timeouts, store, records, otel"),
    ("[servr]", "servr is not known (did you mean server?); allowed are server, gateways, providers, limits, timeouts, store, records, otel"),
    ('"a b" = 1', '"a b" is not known; allowed are server, gateways, providers, limits, timeouts, store, records, otel'),
    ("server = 1", "server is an integer; allowed is a table, [server]"),
    ("[[limits]]", "limits is an array; allowed is a table, [limits]"),
    ('gateways."a/b" = true', 'gateways."a/b" is a boolean; allowed is a table, [gateways."a/b"]'),
    # server
    ("[server]\nprt = 1", "server.prt is not known (did you mean port?); allowed are host, port, tls_certificate, tls_key, workers, metrics, metrics_token, page, page_token, hosts, trusted_proxies, proxy, no_proxy"),
    ("[server]\nport = '1'", "server.port is a string; allowed is a whole number"),
    ("[server]\nport = 65536", "server.port is 65536; allowed is 0 to 65535"),
    ("[server]\nport = true", "server.port is a boolean; allowed is a whole number"),
    ("[server]\nport = 1.5", "server.port is 1.5; allowed is a whole number"),
    ("[server]\nport = -1.0", "server.port is -1.0, which is written with a point; allowed is a whole number"),
    ("[server]\nport = -1", "server.port is -1; allowed is 0 to 65535"),
    ("[server]\nport = inf", "server.port is inf; allowed is a whole number"),
    ("[server]\nport = nan", "server.port is nan; allowed is a whole number"),
    ("[server]\nport = 'env:NUMBER'", "server.port is a text of the environment; allowed is a whole number"),
    ("[timeouts]\nidle_s = nan", "timeouts.idle_s is nan; allowed is 0.001 to 31536000.0"),
    ("[server]\nhost = 1979-05-27", "server.host is a date or time; allowed is a string"),
    ("[server]\nhost = ''", "server.host is empty; allowed is a string with at least one character"),
    ("[server]\nworkers = 0", "server.workers is 0; allowed is 1 to 1024"),
    ("[server]\ntls_certificate = 'no.pem'", "server.tls_certificate names no file; allowed is a path, absolute or from the settings' folder"),
    ('[server]\ntls_certificate = "a\\u0000"', "server.tls_certificate names no file; allowed is a path, absolute or from the settings' folder"),
    # environment
    ("[server]\nhost = 'env:NOT_SET'", "server.host names the environment variable 'NOT_SET', which is not set"),
    ("[server]\nhost = 'env:'", "server.host names the environment variable '', which is not set"),
    ("[server]\nhost = 'env:EMPTY'", "server.host is empty; allowed is a string with at least one character"),
    ("[limits]\nhead_bytes = 'env:NOT_SET'", "limits.head_bytes names the environment variable 'NOT_SET', which is not set"),
    # gateways
    ("[gateways.x]", "gateways.x has a bad name; allowed is ACCOUNT/GATEWAY, each 1 to 64 letters, digits, - and _"),
    ('[gateways."a/b/c"]', 'gateways."a/b/c" has a bad name; allowed is ACCOUNT/GATEWAY, each 1 to 64 letters, digits, - and _'),
    (GATEWAY + "authentication = 1", 'gateways."a/b".authentication is an integer; allowed are true and false'),
    (GATEWAY + "authentication = 'env:KEY'", 'gateways."a/b".authentication is a string; allowed are true and false'),
    (
        GATEWAY + "authentication = false\ntokens = ['x']",
        'gateways."a/b".tokens has no use without authentication; allowed is authentication = true, or none',
    ),
    (GATEWAY + "tokens = 'x'", 'gateways."a/b".tokens is a string; allowed is an array of strings'),
    (GATEWAY + "tokens = ['ok', 5]", 'gateways."a/b".tokens[1] is an integer; allowed is a string'),
    (GATEWAY + "tokens = ['ok', 'env:BLANK']", f'gateways."a/b".tokens[1] {NO_BLANKS}'),
    (GATEWAY + "tokens = ['']", 'gateways."a/b".tokens[0] is empty; allowed is a string with at least one character'),
    (GATEWAY + "origins = ['app.example']", 'gateways."a/b".origins[0] is no origin; allowed is scheme://host[:port], \'null\', or \'*\' for any'),
    (GATEWAY + "origins = ['https://a/']", 'gateways."a/b".origins[0] is no origin; allowed is scheme://host[:port], \'null\', or \'*\' for any'),
    (GATEWAY + "cache_ttl = 59", 'gateways."a/b".cache_ttl is 59; allowed are 0 and 60 to 2592000'),
    (GATEWAY + "store_ttl = 59", 'gateways."a/b".store_ttl is 59; allowed are 0 and 60 to 2592000'),
    (GATEWAY + "cache_ttl = 2592001", 'gateways."a/b".cache_ttl is 2592001; allowed are 0 and 60 to 2592000'),
    (GATEWAY + "rate_limiting_limit = 5", 'gateways."a/b".rate_limiting_interval is 0.0; allowed is 1 to 34560000.0'),
    (GATEWAY + "rate_limiting_limit = 'x'", 'gateways."a/b".rate_limiting_limit is a string; allowed is a whole number'),
    (GATEWAY + "rate_limiting_limit = -5\nrate_limiting_interval = 9", 'gateways."a/b".rate_limiting_limit is -5.0; allowed is 0 to 1099511627776'),
    (GATEWAY + "rate_limiting_limit = 5\nrate_limiting_interval = 9\nrate_limiting_technique = 'slide'", 'gateways."a/b".rate_limiting_technique has a bad value; allowed are \'fixed\' and \'sliding\''),
    (GATEWAY + "rate_limiting_technique = 5", 'gateways."a/b".rate_limiting_technique is an integer; allowed is a string'),
    (GATEWAY + "concurrency = 0", 'gateways."a/b".concurrency is 0; allowed is 1 to 1099511627776'),
    (GATEWAY + "concurrency = 'x'", 'gateways."a/b".concurrency is a string; allowed is a whole number'),
    (GATEWAY + "spend_limits = 5", 'gateways."a/b".spend_limits is an integer; allowed is a table, [gateways."a/b".spend_limits]'),
    (GATEWAY + "spend_limits = { rules = 5 }", 'gateways."a/b".spend_limits.rules is an integer; allowed is an array of tables, [[gateways."a/b".spend_limits.rules]]'),
    (GATEWAY + "spend_limits = { rule = [] }", 'gateways."a/b".spend_limits.rule is not known (did you mean rules?); allowed are enabled, rules'),
    (GATEWAY + "spend_limits.rules = [{ id = 'r', limit = 1, window = 9 }, { id = 'r', limit = 1, window = 8 }]", RULES + "[1].id is the id of a rule of another measure, window or technique; allowed is one of its own"),
    (GATEWAY + "spend_limits.rules = [5]", RULES + "[0] is an integer; allowed is a table"),
    (GATEWAY + "spend_limits.rules = [{ window = 1 }]", RULES + "[0].limit is missing; allowed is a number"),
    (GATEWAY + "spend_limits.rules = [{ limit = 1, window = 0 }]", RULES + "[0].window is 0.0; allowed is 1 to 34560000.0"),
    (GATEWAY + "spend_limits.rules = [{ limit = 1, window = 9, limitType = 'money' }]", RULES + "[0].limitType has a bad value; allowed are 'count', 'tokens' and 'cost'"),
    (GATEWAY + "spend_limits.rules = [{ limit = 1, window = 9, per = 'x' }]", None),
    (GATEWAY + "spend_limits.rules = [{ limit = 1, window = 9, token = 'x' }]", RULES + "[0].token is a string; allowed is a table, { mode = 'partition' }"),
    (GATEWAY + "spend_limits.rules = [{ limit = 1, window = 9, token = { mode = 5 } }]", RULES + "[0].token.mode is an integer; allowed is a string"),
    (GATEWAY + "spend_limits.rules = [{ limit = 1, window = 9, model = { values = [] } }]", RULES + "[0].model.values belongs to the mode 'filter'; allowed is one value or more with it, else none"),
    (GATEWAY + "spend_limits.rules = [{ limit = 1, window = 9, metadata = { u = { mode = 'each' } } }]", RULES + "[0].metadata.u.mode has a bad value; allowed are 'partition' and 'filter'"),
    (GATEWAY + "spend_limits.rules = [{ limit = 1, window = 9, enabled = 1 }]", RULES + "[0].enabled is an integer; allowed are true and false"),
    (GATEWAY + "collect_logs = 1", 'gateways."a/b".collect_logs is an integer; allowed are true and false'),
    ("[server]\npage = 'public'", "server.page has a bad value; allowed are 'loopback', true and false"),
    ("[server]\npage = 1", "server.page has a bad value; allowed are 'loopback', true and false"),
    ("[server]\npage_token = 'a b'", "server.page_token is not usable; allowed is printable ASCII without blanks"),
    ("[server]\nmetrics_token = ''", "server.metrics_token is empty; allowed is a string with at least one character"),
    ("[server]\nmetrics = 'on'", "server.metrics is a string; allowed are true and false"),
    ("[records]\nto = 'syslog'", "records.to[0] is no place for records; allowed are 'stdout', 'file:PATH', 'sqlite:PATH' and 'otel'"),
    ("[otel]\nendpoint = 'collector'", "otel.endpoint is no endpoint; allowed is http(s)://HOST[:PORT][/PATH]"),
    ("[otel]\nheaders = 'canary'", "otel.headers is a string; allowed is a table, [otel.headers]"),
    ("[otel]\nurl = 'x'", "otel.url is not known here (it is a key of [store]); allowed are endpoint, headers, service_name"),
    ("[records]\nto = 1", "records.to is an integer; allowed is an array of strings"),
    ("[records]\nqueue_rows = 0", "records.queue_rows is 0; allowed is 1 to 10000000"),
    ("[records]\nsqlite_rows = 'all'", "records.sqlite_rows is a string; allowed is a whole number"),
    ("[records]\nplace = 'stdout'", "records.place is not known; allowed are to, queue_rows, sqlite_rows"),
    (GATEWAY + "retry_max_attempts = 6", 'gateways."a/b".retry_max_attempts is 6; allowed is 1 to 5'),
    (GATEWAY + "retry_delay = -1", 'gateways."a/b".retry_delay is -1; allowed is 0 to 60000'),
    (GATEWAY + "retry_delay = 1.0", 'gateways."a/b".retry_delay is 1.0, which is written with a point; allowed is a whole number'),
    (GATEWAY + "retry_backoff = 'fast'", 'gateways."a/b".retry_backoff has a bad value; allowed are \'constant\', \'linear\' and \'exponential\''),
    (GATEWAY + "compression = 'gzip'", "gateways.\"a/b\".compression has a bad value; allowed are 'off', 'messages' and 'stream'"),
    (GATEWAY + "compression = true", "gateways.\"a/b\".compression has a bad value; allowed are 'off', 'messages' and 'stream'"),
    (GATEWAY + "compression = 'env:NOT_SET'", "gateways.\"a/b\".compression names the environment variable 'NOT_SET', which is not set"),
    (GATEWAY + "max_attempts = 1", None),
    (GATEWAY + "origins = ['https://a', '']", 'gateways."a/b".origins[1] is empty; allowed is a string with at least one character'),
    (GATEWAY + "byok_only = 1", 'gateways."a/b".byok_only is an integer; allowed are true and false'),
    (GATEWAY + "providers = ['opena']", None),
    (GATEWAY + "providers = 1", 'gateways."a/b".providers is an integer; allowed is an array of strings'),
    (GATEWAY + "endpoints = [1]", 'gateways."a/b".endpoints[0] is an integer; allowed is a string'),
    (GATEWAY + "ask = ['admits']", 'gateways."a/b".ask[0] has a bad value; allowed are \'admit\', \'find_key\', \'count\' and \'review\''),
    (GATEWAY + "ask = 'admit'", 'gateways."a/b".ask is a string; allowed is an array of strings'),
    (GATEWAY + "methods = ['get']", 'gateways."a/b".methods[0] is no method; allowed are GET, HEAD, POST, PUT, PATCH, DELETE'),
    (GATEWAY + "[gateways.'a/b'.providers.opena]", None),
    (GATEWAY + "[gateways.'a/b'.providers.openai]\nhttp2 = 1", "gateways.\"a/b\".providers.openai.http2 has a bad value; allowed are true, false and 'auto'"),
    (GATEWAY + "[gateways.'a/b'.providers.custom-x]", None),
    # what may be a secret at the wrong place is not quoted
    (GATEWAY + f"tokens = ['env:{CANARY}-1']", 'gateways."a/b".tokens[0] names an environment variable that is not set'),
    (OPENAI + "api_key = 'env:sk-proj-canary'", "providers.openai.api_key names an environment variable that is not set"),
    (OPENAI + "sk-canary = 'x'", None),
    ("sk-canary = 'x'", None),
    ("[gateways.sk-canary]", None),
    ("[providers.sk-canary-0123456789]", None),
    (OPENAI + "headers = {sk-canary = 5}", None),
    (OPENAI + "headers = {abcdefgh0123456789canary = 5}", None),
    (OPENAI + "x = {'canary' = 1, 'canary' = 2}", None),
    ("[canary.x]\n[canary.x]", None),
    # hosts and proxies
    ("[server]\nhosts = ['a:80']", "server.hosts[0] is no host; allowed is a name or an address, without a port"),
    ("[server]\nhosts = ['https://a']", "server.hosts[0] is no host; allowed is a name or an address, without a port"),
    ("[server]\ntrusted_proxies = ['a']", "server.trusted_proxies[0] is no address; allowed is an IP address, or a network as ADDRESS/BITS"),
    ("[server]\ntrusted_proxies = '10.0.0.1'", "server.trusted_proxies is a string; allowed is an array of strings"),
    ("[server]\nproxy = 'https://canary'", "server.proxy is no proxy; allowed are http://[USER:PASSWORD@]HOST[:PORT], or none"),
    ("[server]\nproxy = 1", "server.proxy is an integer; allowed is a string"),
    ("[server]\nno_proxy = ['a', 'b c']", "server.no_proxy[1] is no host; allowed are NAME, .DOMAIN and ADDRESS, with or without :PORT, ADDRESS/BITS and *"),
    ("[server]\nno_proxy = 'a, http://b'", "server.no_proxy[1] is no host; allowed are NAME, .DOMAIN and ADDRESS, with or without :PORT, ADDRESS/BITS and *"),
    ("[server]\nno_proxy = 1", "server.no_proxy is an integer; allowed is an array of strings"),
    (OPENAI + "proxy = 'canary'", "providers.openai.proxy is no proxy; allowed are http://[USER:PASSWORD@]HOST[:PORT], or none"),
    ("[limits]\nconnections = 0", "limits.connections is 0; allowed is 1 to 1099511627776"),
    # providers
    ("[providers.opena]", None),
    ("[providers.custom-]", None),
    ("[providers.custom-A]", None),
    ("[providers.google]\n[providers.google-ai-studio]", "providers.google-ai-studio is given twice: under its own and under another name"),
    ("[providers.custom-x]", f"providers.custom-x.base_url is required; {URL}"),
    ("[providers.loopback]", f"providers.loopback.base_url is required; {URL}"),
    (OPENAI + "key = 'x'", "providers.openai.key is not known (did you mean key_in?); allowed are base_url, realtime_url, api_key, headers, origin, key_in, subprotocols, methods, models, prices, ask_usage, native, http2, ca_file, proxy"),
    (OPENAI + "base_url = 'http://llm.example'", f"providers.openai.base_url is not encrypted; {URL}"),
    (OPENAI + "base_url = 'http://127.0.0.1.evil.example'", f"providers.openai.base_url is not encrypted; {URL}"),
    (OPENAI + "base_url = 'http://localhost.evil.example'", f"providers.openai.base_url is not encrypted; {URL}"),
    (OPENAI + "base_url = 'wss://llm.example'", f"providers.openai.base_url has the wrong scheme; {URL}"),
    (OPENAI + "base_url = 'llm.example'", f"providers.openai.base_url has the wrong scheme; {URL}"),
    (OPENAI + f"base_url = 'https://u:{CANARY}@h'", f"providers.openai.base_url must not hold a user name or password; {URL}"),
    (OPENAI + "realtime_url = 'https://h'", f"providers.openai.realtime_url has the wrong scheme; {URL.replace('http', 'ws')}"),
    (OPENAI + "realtime_url = 'ws://h'", f"providers.openai.realtime_url is not encrypted; {URL.replace('http', 'ws')}"),
    (OPENAI + "api_key = 'env:BLANK'", f"providers.openai.api_key {NO_BLANKS}"),
    (OPENAI + f"api_key = '{{{CANARY}}}'", "providers.openai.api_key is JSON, which this provider has no form for; allowed is a plain key"),
    (OPENAI + "api_key = 5", "providers.openai.api_key is an integer; allowed is a string"),
    (
        f"[providers.aws-bedrock]\napi_key = '{{\"accessKeyId\": \"{CANARY}\"}}'",
        'providers.aws-bedrock.api_key is JSON of no known form; allowed are {"accessKeyId", "secretAccessKey", "region", "sessionToken"?} or {"resource", "apiKey"}',
    ),
    (
        "[providers.google-vertex-ai]\napi_key = '{}'",
        "providers.google-vertex-ai.api_key is no service account; needed are client_email and private_key",
    ),
    (OPENAI + "headers = 'x'", "providers.openai.headers is a string; allowed is a table of strings"),
    (OPENAI + "headers = {Host = 'x'}", "providers.openai.headers.Host is never sent to a provider"),
    (OPENAI + "headers = {cf-aig-x = 'x'}", "providers.openai.headers.cf-aig-x is never sent to a provider"),
    (OPENAI + "headers = {'a b' = 'x'}", "providers.openai.headers.\"a b\" is no header name; allowed are letters, digits and !#$%&'*+-.^_`|~"),
    (OPENAI + "headers = {a = 1}", "providers.openai.headers.a is an integer; allowed is a string"),
    (OPENAI + 'headers = {a = "x\\ny"}', "providers.openai.headers.a is not usable; allowed is latin-1 text without control characters or blanks around it"),
    (OPENAI + "headers = {a = ' x'}", "providers.openai.headers.a is not usable; allowed is latin-1 text without control characters or blanks around it"),
    (OPENAI + "headers = {a = '€'}", "providers.openai.headers.a is not usable; allowed is latin-1 text without control characters or blanks around it"),
    (OPENAI + "headers = {a = 'x', A = 'y'}", "providers.openai.headers.A is given twice: header names do not tell upper from lower case"),
    (OPENAI + "http2 = 'on'", "providers.openai.http2 has a bad value; allowed are true, false and 'auto'"),
    (OPENAI + "http2 = 1", "providers.openai.http2 has a bad value; allowed are true, false and 'auto'"),
    (OPENAI + "api_key = []", "providers.openai.api_key is empty; allowed are one key or more"),
    (OPENAI + "api_key = ['a', 5]", "providers.openai.api_key[1] is an integer; allowed is a string"),
    (OPENAI + "api_key = ['a', 'b c']", "providers.openai.api_key[1] is not usable; allowed is printable ASCII without blanks"),
    (OPENAI + "prices = 5", "providers.openai.prices is an integer; allowed is a table, [providers.openai.prices]"),
    (OPENAI + "prices = { m = { per_token_in = 'x' } }", "providers.openai.prices.m.per_token_in is a string; allowed is a number"),
    (OPENAI + "prices = { m = { per_token_in = -1 } }", "providers.openai.prices.m.per_token_in is no price; allowed is a number from 0 to 1000000"),
    (OPENAI + "prices = { m = { per_token = 1 } }", None),
    (OPENAI + "ca_file = 'no'", "providers.openai.ca_file names no file; allowed is a path, absolute or from the settings' folder"),
    # limits and timeouts
    ("[limits]\nhead_bytes = 1", "limits.head_bytes is 1; allowed is 1024 to 1048576"),
    ("[limits]\nmessage_bytes = 1e6", "limits.message_bytes is 1000000.0, which is written with a point; allowed is a whole number"),
    ("[timeouts]\npong_s = 0", "timeouts.pong_s is 0.0; allowed is 0.001 to 31536000.0"),
    ("[timeouts]\npong_s = nan", "timeouts.pong_s is nan; allowed is 0.001 to 31536000.0"),
    ("[timeouts]\npong_s = inf", "timeouts.pong_s is inf; allowed is 0.001 to 31536000.0"),
    ("[timeouts]\npong_s = 'none'", "timeouts.pong_s is a string; allowed is a number"),
    ("[timeouts]\npong_ms = 1", None),
    # store
    ("[store]\nurl = 'postgres://u:pw-canary@h'", "store.url is no store; allowed are memory:, sqlite:PATH, and redis, rediss, valkey and valkeys with ://[USER:PASSWORD@]HOST[:PORT][/DB]"),
    ("[store]\nbytes = 1", "store.bytes is 1; allowed is 1048576 to 1099511627776"),
    ("[store]\nurl = 'redis://h'\nbytes = 2000000", "store.bytes is not for a server; allowed is its own setting maxmemory"),
    ("[store]\nurl = 1", "store.url is an integer; allowed is a string"),
    ("[store]\npath = 'x'", "store.path is not known; allowed are url, bytes"),
    # TOML
    ("[server", "is not TOML: Expected ']' at the end of a table declaration (at end of document)"),
    ("x = " + "9" * 5000, None),
    ("x = " + "[" * 3000, None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), BAD, ids=[text[:50] for text, _ in BAD])
def test_each_error_is_told(text: str, expected: str | None) -> None:
    found = errors(text)
    assert len(found) == 1
    assert "canary" not in found[0]
    if expected is not None:
        assert found == [expected]


def test_unknown_providers_and_keys_suggest_the_nearest() -> None:
    assert errors("[providers.opena]")[0].startswith(
        "providers.opena is not a known provider (did you mean openai?); allowed are alibaba, anthropic, "
    )
    assert "(did you mean pong_s?)" in errors("[timeouts]\npong_ms = 1")[0]
    assert "(did you mean retry_max_attempts?)" in errors(GATEWAY + "max_attempts = 1")[0]


def test_all_errors_are_told_at_once() -> None:
    found = errors(
        "[server]\nport = -1\nhost = 5\n[gateways.x]\ntokens = [1, 2]\n[limits]\nhead_bytes = 0\nheld_bytes = 0"
    )
    assert len(found) == 7


def test_a_key_needs_its_certificate() -> None:
    with pytest.raises(SettingsError, match=r"server\.tls_key needs server\.tls_certificate beside it"):
        read("[server]\ntls_key = '/k'", files=("/k",))


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "aigw.toml"
    with pytest.raises(SettingsError, match=r"aigw\.toml: cannot be read: No such file or directory$"):
        load_settings(path, {})
    path.write_bytes(b"# \xff")
    with pytest.raises(SettingsError, match=r"is not UTF-8: byte 2 is wrong$"):
        load_settings(path, {})
    (tmp_path / "ca.pem").write_text("x")
    path.write_text('[providers.openai]\nca_file = "ca.pem"\n')
    assert load_settings(str(path), {}).config.providers["openai"].ca_file == str(tmp_path / "ca.pem")


@pytest.mark.parametrize("cls", [Limits, Timeouts])
def test_every_name_of_the_core_can_be_set(cls: type[Limits] | type[Timeouts]) -> None:
    table = cls.__name__.lower()
    for name in cls.__struct_fields__:
        number = 65_536 if name == "resume_bytes" else 2048  # the least that it may be
        settings = read(f"[{table}]\n{name} = {number}")
        assert getattr(getattr(settings.config, table), name) == number


def test_the_clocks_of_a_request_that_the_file_writes_are_ceilings() -> None:
    assert read("[timeouts]\nidle_s = 600\ntotal_s = 'none'\nclose_s = 1").config.ceilings == ("idle_s", "total_s")
    assert read("").config.ceilings == ()


@pytest.mark.parametrize("slug", [slug for slug in REGISTRY if slug != "loopback"])
def test_every_provider_can_have_a_key(slug: str) -> None:
    settings = read(f"[providers.{slug}]\napi_key = 'k'")
    assert settings.config.providers == {slug: ProviderSettings(api_key=Secret("k"))}


def test_every_setting_of_the_core_has_its_key() -> None:
    from aigw_drivers.server.setting_names import PROVIDER_KEYS, SERVER_KEYS

    assert {*PROVIDER_KEYS, "more_keys"} == set(ProviderSettings.__struct_fields__)  # api_key may be an array
    assert set(SERVER_KEYS) == {field.name for field in msgspec.structs.fields(ServerSettings)}


def test_a_gateway_with_tokens_asks_for_one() -> None:
    asking = read(GATEWAY + "tokens = ['x']").config.gateways["a/b"]
    assert asking.authentication
    assert not read(GATEWAY).config.gateways["a/b"].authentication


@pytest.mark.parametrize(
    "key_in", ["bearer", "basic", "token", "header:X-Key", "query:api_key", "subprotocol:soniox-api-key", "env:KEY_IN"]
)
@pytest.mark.parametrize("slug", ["openai", "deepgram", "custom-mine"])
def test_where_the_key_of_any_provider_is_carried(slug: str, key_in: str) -> None:
    text = f"[providers.{slug}]\nbase_url = 'https://h'\napi_key = 'K'\nkey_in = {key_in!r}\norigin = 'pass'\n"
    settings = read_settings(
        (text + "subprotocols = ['graphql-ws', 'acme.']").encode(), file="f", environ={"KEY_IN": "query:k"}
    )
    found = settings.config.providers[slug]
    assert found.key_in == key_in.replace("env:KEY_IN", "query:k")
    assert (found.origin, found.subprotocols) == ("pass", ("graphql-ws", "acme."))


def test_the_models_that_clients_are_told_of() -> None:
    found = read("[providers.openai]\nmodels = ['gpt-5', 'gpt-5-mini']\n").config.providers["openai"]
    assert found.models == ("gpt-5", "gpt-5-mini")


KEY_IN = "allowed are bearer, basic, token, header:NAME, query:NAME and subprotocol:MARKER"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("key_in = 'Bearer'", f"key_in has a bad value; {KEY_IN}"),
        ("key_in = 'header'", f"key_in has a bad value; {KEY_IN}"),
        ("key_in = 'query:a&b'", f"key_in has a bad value; {KEY_IN}"),
        ("key_in = 1", "key_in is an integer; allowed is a string"),
        ("key_in = 'header:Host'", "key_in names a header that is never sent to a provider"),
        ("key_in = 'header:Sec-WebSocket-Key'", "key_in names a header that is never sent to a provider"),
        ("key_in = 'header:cf-aig-x'", "key_in names a header that is never sent to a provider"),
        (
            "api_key = 'a/b'\nkey_in = 'subprotocol:m'",
            "api_key cannot stand in a subprotocol; allowed are letters, digits and !#$%&'*+-.^_`|~",
        ),
        ("origin = 'app.example'", "origin is no origin; allowed are 'pass' and scheme://host[:port]"),
        ("origin = 'https://a b'", "origin is no origin; allowed are 'pass' and scheme://host[:port]"),
        ("models = 'x'", "models is a string; allowed is an array of strings"),
        ("subprotocols = 'x'", "subprotocols is a string; allowed is an array of strings"),
        (
            "subprotocols = ['a,b']",
            "subprotocols[0] is no subprotocol; allowed are letters, digits and !#$%&'*+-.^_`|~",
        ),
        (
            "api_key = '{\"private_key\": 1}'",
            "api_key is JSON, which this provider has no form for; allowed is a plain key",
        ),
    ],
)
def test_what_is_wrong_with_these_keys(line: str, said: str) -> None:
    assert errors(f"[providers.openai]\n{line}") == [f"providers.openai.{said}"]


def test_gateways_have_lists_and_their_own_settings_of_providers() -> None:
    text = """
[server]
hosts = ["gw.test", "[2001:db8::1]"]
trusted_proxies = ["10.0.0.0/8", "::1"]
[providers.openai]
api_key = "common-key"
headers = {openai-project = "p"}
methods = ["GET", "DELETE"]
[gateways."a/b"]
authentication = false
byok_only = true
providers = ["google", "custom-x"]
endpoints = ["chat/completions"]
methods = ["POST"]
origins = ["*"]
[gateways."a/c".providers.openai]
api_key = "own-key-of-c"
[limits]
connections = 5
connections_per_address = "none"
"""
    settings = read(text)
    config = settings.config
    assert (config.hosts, config.trusted_proxies) == (("gw.test", "[2001:db8::1]"), ("10.0.0.0/8", "::1"))
    assert (config.limits.connections, config.limits.connections_per_address) == (5, None)
    first, second = config.gateways["a/b"], config.gateways["a/c"]
    assert (first.providers, first.endpoints) == (("google-ai-studio", "custom-x"), ("chat/completions",))
    assert (first.methods, first.byok_only, first.origins) == (("POST",), True, ("*",))
    own = second.provider_settings["openai"]
    assert own == msgspec.structs.replace(config.providers["openai"], api_key=Secret("own-key-of-c"))
    assert own.methods == ("GET", "DELETE")
    assert settings.undecided == ("a/c",)


def test_a_file_may_name_the_providers_of_the_host_s_parts(tmp_path: Path) -> None:
    row = Provider(slug="acme", routes=(Route(url="https://api.acme.test"),))
    file = tmp_path / "aigw.toml"
    file.write_text(
        '[providers.acme]\napi_key = "env:KEY"\n[gateways."a/b"]\nauthentication = false\nproviders = ["acme"]\n'
    )
    settings = load_settings(file, ENVIRON, Parts(providers=[row]))
    assert settings.config.providers == {"acme": ProviderSettings(api_key=Secret(CANARY))}
    assert settings.config.gateways["a/b"].providers == ("acme",)
    with pytest.raises(SettingsError, match=r"providers\.acme is not a known provider"):
        load_settings(file, ENVIRON)


def test_proxies_and_who_is_reached_without() -> None:
    text = """
[server]
proxy = "env:HTTPS_PROXY"
no_proxy = "env:NO_PROXY"
[providers.openai]
proxy = "http://user:canary@proxy.test:1"
[providers.grok]
proxy = "none"
"""
    environ = {"HTTPS_PROXY": "http://all.test", "NO_PROXY": "localhost, .corp.test,10.0.0.0/8,"}
    settings = read_settings(text.encode(), file="gw.toml", environ=environ)
    config = settings.config
    assert (config.proxy, config.no_proxy) == (Secret("http://all.test"), ("localhost", ".corp.test", "10.0.0.0/8"))
    assert config.providers["openai"].proxy == Secret("http://user:canary@proxy.test:1")
    assert config.providers["grok"].proxy == Secret("none")
    assert settings.holds_secrets
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    ("line", "held"),
    [("proxy = 'http://all.test'", False), ("proxy = 'env:WITH'", False), ("proxy = 'http://u:p@all.test'", True)],
)
def test_a_file_with_the_credentials_of_a_proxy_holds_secrets(line: str, held: bool) -> None:
    environ = {"WITH": "http://u:p@all.test"}
    assert read_settings(f"[server]\n{line}".encode(), file="gw.toml", environ=environ).holds_secrets is held


def test_without_a_word_in_the_file_the_environment_counts_for_nothing() -> None:
    environ = {"HTTPS_PROXY": "http://all.test", "https_proxy": "http://all.test"}
    assert read_settings(b"[gateways.'a/b']", file="gw.toml", environ=environ).config.proxy is None


@pytest.mark.parametrize(
    ("written", "page"),
    [("'loopback'", "loopback"), ("true", "on"), ("false", "off"), ("'env:YES'", "on"), ("'env:L'", "loopback")],
)
def test_the_page(written: str, page: str) -> None:
    text = f"[server]\npage = {written}\npage_token = 'env:T'\nmetrics = true\nmetrics_token = 'canary'\n"
    environ = {"YES": "true", "L": "loopback", "T": "token"}
    server = read_settings(text.encode(), file="f", environ=environ).server
    assert (server.page, server.page_token, server.metrics) == (page, Secret("token"), True)
    assert server.metrics_token == Secret("canary")
    assert "canary" not in repr(server)
