"""The settings file of a server that runs: what is taken of a new one, and what the log says of the rest."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from aigw_drivers.server import reload
from aigw_drivers.server.reload import SettingsFile
from aigw_drivers.server.settings import ServerSettings, Settings, load_settings

BEFORE = "[server]\nport = 9000\n[gateways.'a/b']\nauthentication = false\n"


class File:
    """A settings file, and the one that reads it again."""

    def __init__(self, folder: Path, text: str = BEFORE, *, strict: bool = False, **options: object) -> None:
        self.path = folder / "aigw.toml"
        self.write(text)
        settings = load_settings(self.path, {})
        self.file = SettingsFile(self.path, {}, settings, options=options, strict=strict)

    def write(self, text: str) -> None:
        self.path.write_text(text)
        self.path.chmod(0o600)

    def again(self, text: str) -> Settings | None:
        """The settings that are in force afterwards; ``None``: those of before."""
        self.write(text)
        document = self.file.read()
        given: list[Settings] = []
        if document is None:
            return None
        assert self.file.give(document, given.append)
        assert given == [self.file.settings]
        return self.file.settings


def test_new_settings_are_in_force_when_they_were_given(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = File(tmp_path)
    before = one.file.settings
    one.write(BEFORE.replace("a/b", "c/d"))
    document = one.file.read()
    assert document is not None
    assert one.file.settings is before
    assert one.file.give(document, lambda settings: None)
    assert list(one.file.settings.config.gateways) == ["c/d"]
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{BEFORE}[records]\nto = 'stdout'", "records.to cannot change while the server runs"),
        (f"{BEFORE}[otel]\nendpoint = 'http://127.0.0.1:4318'", "otel.endpoint cannot change while the server runs"),
        (BEFORE.replace("9000", "9000\nmetrics = true"), "server.metrics cannot change while the server runs"),
        (BEFORE.replace("9000", "9000\npage = false"), "server.page cannot change while the server runs"),
        ("[serv", "is not TOML"),
        ("[server]\nport = 9000\nprot = 1", "server.prot is not known"),
        (f"{BEFORE}[providers.openai]\nca_file = 'aigw.toml'", "providers.openai.ca_file"),
    ],
)
def test_errors_keep_the_old_ones_and_are_in_the_log(
    text: str, told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = File(tmp_path)
    before = one.file.settings
    assert one.again(text) is None
    assert told in caplog.messages[0]
    assert caplog.messages[-1] == "the settings stay as they were"
    assert one.file.settings is before


def test_a_file_that_is_gone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = File(tmp_path)
    one.path.unlink()
    assert one.file.read() is None
    assert "cannot be read: No such file or directory" in caplog.text


@pytest.mark.parametrize("strict", [False, True])
def test_what_there_is_to_warn_of(strict: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = File(tmp_path, strict=strict)
    taken = one.again(f"{BEFORE}[providers.openai]\napi_key = 'short'")
    assert (taken is None) is strict
    assert "providers.openai.api_key has fewer than 8 characters" in caplog.text


def test_the_address_and_the_workers_stay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = File(tmp_path)
    settings = one.again(BEFORE.replace("9000", "9001\nhost = '::1'\nworkers = 3\nproxy = 'http://127.0.0.1:1'"))
    assert settings is not None
    assert settings.server == ServerSettings(port=9000)
    assert settings.config.proxy is not None
    told = [line.partition(": ")[2] for line in caplog.messages]
    assert told == [
        f"server.{name} cannot change while the server runs: start it anew" for name in ("host", "port", "workers")
    ]


def test_the_store_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A worker that is started later must count where the others do."""
    one = File(tmp_path)
    settings = one.again(f"{BEFORE}[store]\nurl = 'sqlite:aigw.db'\n")
    assert settings is not None
    assert settings.store.reveal() == "memory:"
    assert caplog.messages[0].endswith("aigw.toml: store.url cannot change while the server runs: start it anew")


def test_options_of_the_command_line_replace_the_file_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = File(tmp_path, port=9000, workers=2)
    one.file.settings = Settings(config=one.file.settings.config, server=ServerSettings(port=9000, workers=2))
    settings = one.again(BEFORE.replace("9000", "9001"))
    assert settings is not None
    assert settings.server == ServerSettings(port=9000, workers=2)
    assert caplog.messages == []


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[[str], str]:
    authority = trustme.CA()

    def issue(name: str) -> str:
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / name)
        return name

    return issue


def test_tls_cannot_come_or_go_but_its_files_can_be_others(
    certificate: Callable[[str], str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain = File(tmp_path)
    secure = BEFORE.replace("9000", f"9000\ntls_certificate = '{certificate('one.pem')}'")
    settings = plain.again(secure)
    assert settings is not None
    assert settings.server.tls_certificate is None
    assert "server.tls_certificate cannot change" in caplog.text
    caplog.clear()
    one = File(tmp_path, secure)
    settings = one.again(secure.replace("one.pem", certificate("two.pem")))
    assert settings is not None
    assert str(settings.server.tls_certificate).endswith("two.pem")
    assert one.again(secure.replace("one.pem", "aigw.toml")) is None
    assert "server.tls_certificate" in caplog.text
    settings = one.again(BEFORE)
    assert settings is not None
    assert str(settings.server.tls_certificate).endswith("two.pem")
    assert "server.tls_certificate cannot change" in caplog.text


def test_what_the_gateway_refuses_is_not_in_force(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(settings: Settings) -> None:
        raise OSError("no certificate")

    one = File(tmp_path)
    before = one.file.settings
    document = one.file.read()
    assert document is not None
    assert not one.file.give(document, refuse)
    assert one.file.settings is before
    assert caplog.messages == ["no certificate", "the settings stay as they were"]


def test_a_bug_keeps_the_old_ones_and_its_words_are_not_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "sk-" + "canary"

    def fail(settings: Settings) -> list[str]:
        raise RuntimeError(words)

    one = File(tmp_path)
    before = one.file.settings
    document = one.file.read()
    assert document is not None
    assert not one.file.give(document, fail)
    monkeypatch.setattr(reload, "unusable_files", fail)
    assert one.file.read() is None
    assert one.file.settings is before
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 4
    assert "a bug: RuntimeError" in caplog.messages[0]
    assert "in fail" in caplog.messages[0]
    assert caplog.messages[1::2] == ["the settings stay as they were"] * 2
    assert words not in caplog.text
