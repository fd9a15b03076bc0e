"""Which package of the core may import which. The law holds the sources to it, and the page about the architecture."""

#: The words that everything may use: values, tables, and small tools over them. They import nothing but each other.
VOCABULARY = {
    "checks", "config", "effects", "errors", "events", "faults", "ids", "json_text", "origin", "prompt", "quota_rules", "quoting",
    "review", "secret",
}  # fmt: skip
#: Which other packages each may import, beside the vocabulary. A module at the root is a package of its own.
MAY_IMPORT: dict[str, set[str]] = {
    "engine": set(),
    "quotas": {"engine"},
    "wires": {"engine"},
    "bodies": {"wires"},
    "formats": {"bodies"},
    "translate": {"bodies", "formats"},
    "providers": {"quotas", "wires"},
    "exchanges": {"engine", "quotas", "wires", "bodies", "formats", "providers"},
    "upstream": {"engine", "quotas", "wires", "providers", "exchanges"},
    "downstream": {"engine", "wires", "providers"},
    "dialects": {"bodies", "formats", "exchanges"},
    "parts": {"bodies", "formats", "providers", "exchanges"},
    "sessions": {
        "engine",
        "quotas",
        "formats",
        "providers",
        "downstream",
        "exchanges",
        "dialects",
        "parts",
    },
    "realtime": {"engine", "quotas", "wires", "bodies", "formats", "providers", "upstream", "downstream"},
    "gateway": {
        "engine",
        "quotas",
        "wires",
        "providers",
        "upstream",
        "downstream",
        "dialects",
        "parts",
        "sessions",
        "realtime",
    },
    "engine_api": {"dialects"},
    "recorder": {"downstream", "dialects", "gateway", "engine_api", "parts"},
    "preload": {"bodies", "formats", "exchanges", "upstream", "dialects", "sessions", "realtime", "recorder"},
    "testing": {"wires"},
    "__init__": {
        "wires",
        "exchanges",
        "dialects",
        "gateway",
        "engine_api",
        "recorder",
        "parts",
        "providers",
        "formats",
        "bodies",
    },
}
#: The only modules of one package that another may import, where that is less than all of it.
PORTS = {
    ("upstream", "exchanges"): {"exchanges.source"},
    ("realtime", "upstream"): {"upstream.websocket"},
    ("__init__", "exchanges"): {"exchanges.policy"},
}
