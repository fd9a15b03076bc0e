"""Any bytes as a settings file: settings, or an error whose lines name the file and show no environment value.

``python -m fuzz.fuzz_settings --seconds 60``.
"""

from fuzz._fuzz import main

from aigw_drivers.server.settings import Settings, SettingsError, read_settings

CANARY = "sk-canary 5e\n1"
ENVIRON = {"K": CANARY, "N": "17", "T": "true"}

SEEDS: list[bytes] = [
    b'[server]\nhost = "::1"\nport = "env:N"\nworkers = 1\ntls_certificate = "x"\n',
    b'[gateways."a/b"]\nauthentication = "env:T"\ntokens = ["env:K", "t"]\norigins = ["https://a"]\nretry_delay = 5\n',
    b'[gateways."a/b"]\nretry_backoff = "env:K"\nquery_token = "env:K"\ncollect_logs = "env:K"\n"\\u0000\\n" = 1\n',
    b'[providers.openai]\napi_key = "env:K"\nbase_url = "env:K"\nhttp2 = "env:K"\nca_file = "env:K"\n',
    b'[providers.custom-a]\nbase_url = "https://h/v1"\nheaders = {a = "env:K", "b c" = "x"}\n',
    b"[providers.aws-bedrock]\napi_key = '''{\"accessKeyId\": \"a\"}'''\n[providers.xai]\n[providers.grok]\n",
    b'[limits]\nhead_bytes = "env:K"\nx = 1\n[timeouts]\nidle_s = "none"\npong_s = nan\nask_s = 1979-05-27T07:32:00Z\n',
    b'[store]\nurl = "env:K"\n',
    b"x = " + b"[" * 2000,
    b"x = " + b"9" * 5000,
    b"\xff",
]


def target(data: bytes) -> None:
    """One fuzz input."""
    try:
        settings = read_settings(data, file="f.toml", environ=ENVIRON, is_file=lambda path: path == "x")
    except SettingsError as error:
        lines = error.errors
    else:
        assert isinstance(settings, Settings)
        assert "sk-canary" not in repr(settings)
        return
    assert lines
    for line in lines:
        assert line.startswith("f.toml: "), line
        assert "sk-canary" not in line, line
        assert line.isprintable(), line


if __name__ == "__main__":
    main(target, SEEDS)
