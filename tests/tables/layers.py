"""Which package of the core may import which. The law holds the sources to it, and the page about the architecture."""

#: The words that everything may use: values, tables, and small tools over them. They import nothing but each other.
VOCABULARY = {
    "config", "effects", "envelope", "errors", "events", "faults", "fsm", "ids", "json_text", "origin", "prompt", "quoting", "redaction",
    "secret", "spellings",
}  # fmt: skip
#: Which other packages each may import, beside the vocabulary. A module at the root is a package of its own.
MAY_IMPORT: dict[str, set[str]] = {
    "engine": set(),
    "wires": {"engine"},
    "bodies": {"wires"},
    "formats": {"bodies"},
    "translate": {"bodies", "formats"},
    "providers": {"wires"},
    "exchanges": {"engine", "wires", "bodies", "formats", "providers"},
    "upstream": {"engine", "wires", "providers", "exchanges"},
    "downstream": {"engine", "wires", "providers"},
    "dialects": {"bodies", "formats", "exchanges"},
    "parts": {"bodies", "formats", "providers", "exchanges"},
    "sessions": {"engine", "formats", "providers", "downstream", "exchanges", "dialects", "parts"},
    "realtime": {"engine", "wires", "bodies", "formats", "providers", "downstream"},
    "gateway": {"engine", "wires", "providers", "upstream", "downstream", "dialects", "parts", "sessions", "realtime"},
    "engine_api": {"dialects"},
    "recorder": {"downstream", "dialects", "gateway", "engine_api", "parts"},
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
PORTS = {("upstream", "exchanges"): {"exchanges.source"}, ("__init__", "exchanges"): {"exchanges.policy"}}
