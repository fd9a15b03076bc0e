"""The law of reprs: what holds credentials of a peer or of the operator does not print them."""

import importlib
import pkgutil

import msgspec
import pytest

import aigw_sansio

#: Names of fields in which a credential may be: of requests, of settings, of what is read out of them.
HOLD = {
    "headers", "query", "target", "path", "body", "request", "token", "tokens", "api_key", "secret_access_key",
    "session_token", "private_key", "access_token", "authorization", "base64", "subprotocols", "keys", "stored_keys",
    "url", "base_url",
}  # fmt: skip
#: Of these no field holds one: rows of the registry, settings without secrets, what a client is told, what providers
#: answer (after the search for keys), and places within a page. A ``Secret`` hides itself.
EXEMPT = {
    "config.GatewaySettings", "dialects.universal.messages.Metadata", "downstream.routes.RealtimeResource",
    "effects.Authenticate", "effects.Key", "effects.Metrics", "events.AttemptStarted", "events.Citation", "events.ImageDelta",
    "providers.key_location.KeyLocation", "providers.google_token.GoogleToken", "providers.google_token.ServiceAccount", "providers.row.Provider",
    "providers.row.RealtimeRoute", "providers.row.Route", "providers.sigv4.AwsCredentials",
    "providers.subprotocols.PlainItems", "quota_rules.QuotaRule", "testing.wire.ProviderStream",
    # a provider's answer, before the search for keys: wires hand it on at once
    "wires.heads.StatusHead", "wires.http.ResponseHead", "wires.websocket.handshake.Accepted",
    "wires.websocket.handshake.Refused",
}  # fmt: skip


def structs() -> dict[str, type[msgspec.Struct]]:
    found: dict[str, type[msgspec.Struct]] = {}
    for module in pkgutil.walk_packages(aigw_sansio.__path__, "aigw_sansio."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, type) and value.__module__ == module.name and issubclass(value, msgspec.Struct):
                found[f"{module.name.removeprefix('aigw_sansio.')}.{name}"] = value
    return found


HOLDING = {
    name: struct for name, struct in structs().items() if HOLD & {*struct.__struct_fields__} and name not in EXEMPT
}


@pytest.mark.parametrize("name", HOLDING)
def test_a_struct_with_credentials_does_not_print_them(name: str) -> None:
    struct = HOLDING[name]
    assert "__repr__" in vars(struct)
    fields = struct.__struct_fields__
    text = {field: f"canary-{field}" for field in fields}
    try:
        made = struct(**text)
    except Exception:  # it looks at its values: its own tests hold it then
        return
    if "without_content" in repr(struct.__repr__):
        assert "canary" not in repr(made)


def test_no_exemption_is_for_nothing() -> None:
    assert {*structs()} >= EXEMPT
