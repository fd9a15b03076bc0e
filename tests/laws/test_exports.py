"""What the two packages export, name by name, and which inner modules of the core the drivers use."""

import ast
import inspect
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from tests.peers import processes

import aigw_drivers
import aigw_drivers.asgi
import aigw_drivers.client
import aigw_drivers.conformance
import aigw_drivers.testing
import aigw_sansio

ROOT = Path(__file__).parents[2]
DRIVERS = ROOT / "src" / "aigw_drivers"

CORE_EXPORTS = {
    # the engine and its settings
    "Gateway", "Engine", "MessageEngine", "READ_SIZE", "Config", "Limits", "Timeouts", "Retry", "GatewaySettings", "ProviderSettings", "QuotaRule", "Selector", "Secret", "ConfigError", "SettingError",
    # effects, questions and answers
    "Connect", "ConnectionRefused", "Flush", "PauseReading", "ResumeReading", "Close", "Ask", "Emit", "Continue", "Accept", "Refuse", "CloseMessages", "Message", "Effect", "Tls", "Question", "Answer",
    "Authenticate", "Authenticated", "Allowance", "HeaderFields", "Admit", "Admitted", "Denied", "FindKey", "Key", "Proxy", "Tunnel", "Count", "Counter", "Counted", "Places", "ReadMetrics", "Metrics", "ReadPage", "Page", "Sign", "Signed", "FetchMedia", "FetchedMedia", "LookUp", "Hit", "Miss", "Keep", "KeptResponse", "Review", "Passage", "Released", "Stopped", "Unavailable",
    # lifecycle events
    "Event", "LifecycleEvent", "SessionOpened", "SessionDetached", "SessionResumed", "SessionEnded", "UpgradeRefused", "RequestAdmitted", "RequestDenied", "RequestWaiting", "AttemptStarted",
    "AttemptConnected", "AttemptFirstByte", "AttemptEnded", "ExchangeEnded", "ProviderEventRead", "RecordOptions", "CustomCost",
    # provider events
    "ProviderEvent", "ResponseStarted", "TextDelta", "ReasoningDelta", "ToolCallStarted", "ToolCallDelta", "AudioDelta",
    "ImageDelta", "RefusalDelta", "Citation", "UsageReported", "ResponseFinished", "ResponseFailed", "Unrecognised",
    # clients in the process of the gateway
    "LocalEngine", "Create", "Step", "StepConfig", "NativeEvent", "NativeMetadata", "NativeStarted", "NativeChunk",
    "NativeProviderEvent", "NativeResponse", "NativeDone", "NativeFailed", "NativeCancelled", "NativeGoingAway",
    # parts of the host's own
    "Parts", "Provider", "Route", "RealtimeRoute", "KeyLocation", "Reader", "BodyDecoder", "Chunk", "ProviderRequest", "RequestTransform", "RealtimeReader", "UpgradeRequest", "UpgradeTransform", "PartFailed", "Translator",
    # errors, ids, recording
    "Fault", "FaultKind", "Side", "LocalProtocolError", "ConnId", "AskId", "Recorder", "replay", "ReplayDiffers",
    "__version__",
}  # fmt: skip

DRIVER_EXPORTS = {
    "AnyioDriver", "ProtocolDriver", "AnswerHandler", "DriverName", "Listener", "listen", "running", "Running", "Settings",
    "ServerSettings", "SettingsError", "load_settings", "WebSocketClient", "WebSocketClosed", "HandshakeRefused",
    "LoopbackProvider", "MessageHandler", "MessageEffect", "TlsPipe", "client_context", "LocalClient", "RunningClient", "SyncLocalClient",
}  # fmt: skip

CLIENT_EXPORTS = {
    "Client", "SyncClient", "Stream", "SyncStream", "Step", "StepConfig", "Options", "Mode", "Content", "Metadata", "Response",
    "ClientError", "NotConnected", "ConnectionLost", "ProviderError", "GatewayError", "connect", "WebSocketClient",
    "WebSocketClosed", "HandshakeRefused",
}  # fmt: skip

CONFORMANCE_EXPORTS = {"DriverSuite", "Host", "HostFactory", "HostSettings", "LoopDriver", "LoopHost", "ToyEngine"}

TESTING_EXPORTS = {
    "MockProvider", "MockRequest", "MockResponse", "Wait", "Break", "VirtualGateway", "VirtualClient", "VirtualStream",
}  # fmt: skip

ASGI_EXPORTS = {"AsgiMessage", "Authenticator", "GatewayApp", "Receive", "Refusal", "Scope", "Send"}

#: Every public package, and what it exports.
PINNED = [
    (aigw_sansio, CORE_EXPORTS),
    (aigw_drivers, DRIVER_EXPORTS),
    (aigw_drivers.client, CLIENT_EXPORTS),
    (aigw_drivers.conformance, CONFORMANCE_EXPORTS),
    (aigw_drivers.testing, TESTING_EXPORTS),
]
PACKAGES = [package for package, _ in PINNED]

#: Exports that are neither class nor function, so they have no docstring: types, ids and constants.
WITHOUT_DOCSTRING = {
    "READ_SIZE", "__version__", "Effect", "Question", "Answer", "Event", "LifecycleEvent", "ProviderEvent", "NativeEvent", "ConnId", "AskId",
    "AnswerHandler", "DriverName", "Mode", "MessageEffect", "RequestTransform", "UpgradeTransform",
}  # fmt: skip

#: The modules of the core that the drivers proper import beside ``aigw_sansio`` itself, and which of them does.
INNER_MODULES = {
    "__init__": {"preload"},  # what a gateway may need is loaded while that can be done
    "core.asgi_plain": {"faults"},  # a health check has the body that it has on the gateway's own server
    "anyio_driver": {"effects"},
    "local.exchange": {"faults"},  # the code of each fault
    "server.embedded": {"providers.known_hosts"},
    "server.serve": {"providers.known_hosts"},
    "server.concerns": {"providers.auth", "quoting"},  # which names say that a value is a key; how places are written
    "server.observe.otlp": {"checks"},
    "server.observe.places": {"checks"},
    "server.observe.queries": {"quoting"},
    "server.observe.telemetry": {"providers.trace_context"},
    "server.settings": {
        "checks",
        "config",
        "providers.auth",
        "providers.registry",  # names of settings and providers, and which values are keys
        "providers.row",
        "providers.setting_checks",
        "quoting",  # the core's own checks, and how places are written
    },
    "server.quota_values": {"quoting"},  # how places are written
    "server.toml_values": {"quoting"},
    "stores.memory": {"quotas.counters", "quotas.leases"},  # they count as the core does
    "stores.sqlite": {"quotas.counters", "quotas.leases", "quotas.window"},
    "server.translation": {"translate"},  # what compat needs
}
#: The loopback provider, the client, the command line and the engines that drivers are tested with: they stand in for a
#: side of the protocol, on the core's own parts.
PEER_MODULES = {
    "conformance.toy_engines": {"engine.send_buffer"},  # the engines of the suite keep bytes as the gateway does
    "client.request": {"json_text"},
    "client.websocket": {"wires.http", "wires.websocket.frames", "wires.websocket.handshake", "wires.websocket.messages"},
    "cli.call": {"providers.registry"},
    "cli.keys": {"providers.registry", "quoting"},
    "cli.main": {"config"},
    "cli.question": {"providers.registry", "providers.row"},
    "cli.serve": {"providers.registry"},
    "cli.read": {
        "bodies.chunk", "exchanges.response", "formats.classify", "formats.detection", "formats.registry", "providers.registry",
    },
    "cli.translate": {"formats.values", "translate"},
    "loopback.connection": {"wires.heads"},
    "loopback.upgrade": {
        "faults", "wires.heads", "wires.websocket.frames", "wires.websocket.handshake", "wires.websocket.messages",
    },
}  # fmt: skip


@pytest.mark.parametrize(("package", "pinned"), PINNED, ids=[package.__name__ for package in PACKAGES])
def test_exported_names(package: ModuleType, pinned: set[str]) -> None:
    assert set(package.__all__) == pinned
    assert len(package.__all__) == len(pinned), "a name is listed twice"
    assert set(package.__all__) <= set(dir(package))


def test_the_module_for_asgi() -> None:
    assert set(aigw_drivers.asgi.__all__) == ASGI_EXPORTS


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_nothing_else_can_be_reached(package: ModuleType) -> None:
    """No name comes in by the way: only exports, submodules and dunder names."""
    public = {
        name
        for name, value in vars(package).items()
        if not name.startswith("_")
        and not (isinstance(value, ModuleType) and value.__name__ == f"{package.__name__}.{name}")
    }
    assert public <= set(package.__all__)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_export_is_documented(package: ModuleType) -> None:
    without = set()
    for name in package.__all__:
        value = getattr(package, name)
        described = inspect.isclass(value) or inspect.isfunction(value)
        if not described or not vars(value).get("__doc__", value.__doc__ if inspect.isfunction(value) else None):
            without.add(name)
        # every export belongs to us: nothing of another library is passed on
        module = getattr(value, "__module__", "aigw_")
        assert name in WITHOUT_DOCSTRING or module.startswith("aigw_"), f"{name} is of {module}"
    assert without == WITHOUT_DOCSTRING & set(package.__all__)


def test_importing_the_drivers_needs_no_extra() -> None:
    """The kit for tests needs none either, but for pytest in the suite for drivers."""
    extras = ("coredis", "typer", "rich", "uvloop", "cryptography", "hypothesis", "trustme", "trio")
    packages = ", ".join(package.__name__ for package in PACKAGES)
    program = f"import sys; sys.modules.update(dict.fromkeys({extras!r})); import {packages}"
    ended = processes.run([sys.executable, "-c", program])
    assert ended.returncode == 0, ended.stderr


def test_the_core_knows_the_version_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert aigw_sansio.__version__ == project["version"]


def inner_modules_used() -> dict[str, set[str]]:
    """Module of the drivers -> modules of the core that it names."""
    used: dict[str, set[str]] = {}
    for path in sorted(DRIVERS.rglob("*.py")):
        own = ".".join(path.relative_to(DRIVERS).with_suffix("").parts)
        names: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
                if node.module == "aigw_sansio":
                    names |= {f"aigw_sansio.{alias.name}" for alias in node.names if alias.name not in CORE_EXPORTS}
                else:
                    names.add(node.module)
        inner = {name.removeprefix("aigw_sansio.") for name in names if name.startswith("aigw_sansio.")}
        if inner:
            used[own] = inner
    return used


def test_inner_modules_of_the_core_that_drivers_use() -> None:
    """Everything else comes from ``aigw_sansio``. A new entry needs a reason; a stale one fails too."""
    assert inner_modules_used() == INNER_MODULES | PEER_MODULES


def test_drivers_name_no_module_of_the_core_that_does_not_exist() -> None:
    for modules in (INNER_MODULES | PEER_MODULES).values():
        for module in modules:
            path = ROOT / "src" / "aigw_sansio" / Path(*module.split("."))
            assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), module
