"""The names of tables and keys in a settings file.

Decides: which keys there are, and in which tables. Must not know: their values, and what they mean.
"""

from typing import Final

from aigw_sansio import Limits, Timeouts

from ..stores.opening import STORE_KEYS
from .observe.otlp import OTEL_KEYS
from .observe.places import RECORD_KEYS
from .quota_values import RATE_KEYS
from .toml_values import homes_of

RETRY_KEYS: Final = {"retry_max_attempts": "max_attempts", "retry_delay": "delay_ms", "retry_backoff": "backoff"}
REVIEW_KEYS: Final = ("review_chunks", "review_bytes", "review_wait_ms")
GATEWAY_KEYS: Final = (
    "authentication", "tokens", "origins", "query_token", "providers", "endpoints", "methods", "byok_only", "ask",
    "fetch_media", "compression", "collect_logs", "collect_log_payload", "cache_ttl", "store_ttl", "coalesce",
    "concurrency", "spend_limits", "fail_open", "custom_cost", "ask_usage", "unreported_tokens",
    *RATE_KEYS, *RETRY_KEYS, *REVIEW_KEYS,
)  # fmt: skip
GATEWAY_FLAGS: Final = (
    "authentication", "query_token", "byok_only", "fetch_media", "coalesce", "fail_open", "custom_cost",
    "ask_usage", "collect_logs", "collect_log_payload",
)  # fmt: skip
PROVIDER_KEYS: Final = (
    "base_url", "realtime_url", "api_key", "headers", "origin", "key_in", "subprotocols", "methods",
    "models", "prices", "ask_usage", "native", "http2", "ca_file", "proxy",
)  # fmt: skip
SERVER_KEYS: Final = (
    "host", "port", "tls_certificate", "tls_key", "workers", "metrics", "metrics_token", "page", "page_token",
)  # fmt: skip
SERVER_LISTS: Final = ("hosts", "trusted_proxies")
TABLES: Final = ("server", "gateways", "providers", "limits", "timeouts", "store", "records", "otel")
#: The tables in which a key may stand.
HOMES: Final = homes_of(
    {
        "[server]": (*SERVER_KEYS, *SERVER_LISTS, "proxy", "no_proxy"), '[gateways."A/G"]': GATEWAY_KEYS,
        "[providers.SLUG]": PROVIDER_KEYS, "[limits]": Limits.__struct_fields__,
        "[timeouts]": Timeouts.__struct_fields__, "[store]": STORE_KEYS, "[records]": RECORD_KEYS, "[otel]": OTEL_KEYS,
    }
)  # fmt: skip
HTTP2: Final[dict[object, str]] = {True: "on", False: "off", "auto": "auto"}
#: Tables and keys that the file names otherwise than the core's classes.
RENAMED: Final = {
    "provider_settings": "providers", "max_attempts": "retry_max_attempts", "delay_ms": "retry_delay",
    "backoff": "retry_backoff",
}  # fmt: skip
#: Settings that stand in another table of the file.
MOVED: Final = {
    "hosts": ("server", "hosts"), "trusted_proxies": ("server", "trusted_proxies"), "store": ("store", "url"),
    "store_bytes": ("store", "bytes"),
    "proxy": ("server", "proxy"), "no_proxy": ("server", "no_proxy"),
}  # fmt: skip
