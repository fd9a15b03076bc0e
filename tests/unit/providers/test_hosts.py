"""Which host an endpoint belongs to, and who chose it."""

import pytest
from tests.rigs.provider_calls import CANARY, call, detail, fields, good

from aigw_sansio.config import ProviderSettings
from aigw_sansio.faults import Fault
from aigw_sansio.providers.hosts import Destination, find_destination, named_destination
from aigw_sansio.providers.registry import REGISTRY
from aigw_sansio.providers.target import Endpoint, RefusedTarget, check_endpoint
from aigw_sansio.secret import Secret


def endpoint(text: str) -> Endpoint:
    found = check_endpoint(text)
    assert not isinstance(found, RefusedTarget)
    return found


@pytest.mark.parametrize(
    ("slug", "path", "host", "chosen"),
    [
        ("openai", "chat/completions", "api.openai.com", False),
        ("azure-openai", "res/dep/chat/completions?api-version=1", "res.openai.azure.com", True),
        ("aws-bedrock", "bedrock-runtime/eu-west-1/model/m/invoke", "bedrock-runtime.eu-west-1.amazonaws.com", False),
        ("google-vertex-ai", "v1/projects/p/locations/europe-west4/publishers/google/models/m:generateContent",
         "europe-west4-aiplatform.googleapis.com", False),
    ],
)  # fmt: skip
def test_the_place_of_an_endpoint(slug: str, path: str, host: str, chosen: bool) -> None:
    found = find_destination(REGISTRY[slug], endpoint(path), None, "acct")
    assert isinstance(found, Destination), found
    assert found.base.host == host
    assert found.chosen_by_client is chosen


@pytest.mark.parametrize("resource", ["evil.com", "a.b", "x_y", "a" * 64, ""])
def test_a_client_fills_one_label_only(resource: str) -> None:
    found = find_destination(REGISTRY["azure-openai"], endpoint(f"{resource}/dep/chat/completions"), None, "acct")
    assert isinstance(found, Fault) or found.base.host.endswith(".openai.azure.com")
    if isinstance(found, Destination):
        assert found.base.host.count(".") == 3


@pytest.mark.parametrize(
    ("target", "allowed"),
    [
        ("https://queue.fal.run/x", True),
        ("https://fal.run/x", True),
        ("https://fal.run.evil.com/x", False),
        ("https://evil.com/fal.run", False),
        ("https://user@fal.run/x", False),
        ("http://fal.run/x", False),
        ("https://fal.run:8443/x", False),
    ],
)
def test_a_named_target_must_be_fals(target: str, allowed: bool) -> None:
    found = named_destination(REGISTRY["fal"], target, endpoint("x"))
    assert isinstance(found, Destination) is allowed, found


def test_a_base_url_of_the_settings_replaces_the_host() -> None:
    found = find_destination(REGISTRY["openai"], endpoint("chat/completions"), "http://127.0.0.1:9/v1", "acct")
    assert isinstance(found, Destination)
    assert (found.base.host, found.chosen_by_client) == ("127.0.0.1", False)


# -- through a whole call ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slug", "endpoint", "said"),
    [
        ("aws-bedrock", "model/m/converse", "bedrock-runtime/REGION/... or bedrock-mantle/REGION/..."),
        ("aws-bedrock", "bedrock-runtime/s3/model/m/converse", "an AWS region such as us-east-1"),
        ("aws-bedrock", "bedrock-runtime/s3-us-west-2/model/m/converse", "an AWS region such as us-east-1"),
        ("aws-bedrock", "bedrock-runtime/us-east-1.evil.com%23/model/m/converse", "an AWS region such as us-east-1"),
        ("azure-openai", "My_Res/dep/chat/completions", "1 to 63 of a-z, 0-9 and -"),
        ("azure-openai", "evil.com%2f/dep/chat/completions", "1 to 63 of a-z, 0-9 and -"),
        ("azure-openai", "-a/dep/chat/completions", "1 to 63 of a-z, 0-9 and -"),
        ("azure-openai", "a" * 64 + "/dep/chat/completions", "1 to 63 of a-z, 0-9 and -"),
        ("azure-openai", "res\u3002evil/dep/x", "1 to 63 of a-z, 0-9 and -"),
        ("azure-openai", "res", "azure-openai needs"),
        ("google-vertex-ai", "v1/projects/p/locations/evil.com%2f/x", "a Google Cloud location"),
        ("google-vertex-ai", "v1/models/x", "google-vertex-ai needs"),
        ("baseten", "model/a@b", "1 to 57 of a-z, 0-9 and -"),
    ],
)
def test_hosts_that_a_client_may_not_choose(slug: str, endpoint: str, said: str) -> None:
    assert said in detail(call(slug, endpoint))


@pytest.mark.parametrize(
    ("slug", "base", "endpoint", "path"),
    [
        ("openai", "/x", "chat/completions", "/x/chat/completions"),
        ("workers-ai", "/x", "v1/chat/completions", "/x/v1/chat/completions"),
        ("workers-ai", "/x", "@cf/m", "/x/@cf/m"),
        ("aws-bedrock", "/x", "bedrock-runtime/us-east-1/model/m/converse", "/x/model/m/converse"),
        ("aws-bedrock", "/x", "model/m/converse", "/x/model/m/converse"),
        ("azure-openai", "", "r/d/chat/completions", "/openai/deployments/d/chat/completions"),
        ("azure-openai", "/openai/deployments/d", "r/d/chat/completions", "/openai/deployments/d/chat/completions"),
        ("azure-openai", "", "r/openai/v1/responses", "/openai/v1/responses"),
        ("azure", "/anthropic", "r/anthropic/v1/messages", "/anthropic/v1/messages"),
        ("google-vertex-ai", "", "v1/projects/p/locations/us-central1/x", "/v1/projects/p/locations/us-central1/x"),
    ],
)
def test_a_base_url_replaces_the_host_and_keeps_the_form_of_endpoints(
    slug: str, base: str, endpoint: str, path: str
) -> None:
    stored = ProviderSettings(base_url="http://127.0.0.1:9" + base, api_key=Secret("K"))
    made = good(call(slug, endpoint, **{slug: stored}))
    assert made.origin.authority == "127.0.0.1:9"
    assert made.request.target.decode() == path
    assert any(value.endswith("K") for value in fields(made).values())


@pytest.mark.parametrize("account", ["a/b", "..", "", "a?b", "a" * 65, "é"])
def test_accounts_that_cannot_stand_in_a_url(account: str) -> None:
    assert "the account" in detail(call("workers-ai", "@cf/x", account=account))


@pytest.mark.parametrize(
    ("value", "origin"),
    [("https://queue.fal.run/fal-ai/x?a=1", "queue.fal.run"), ("https://fal.run", "fal.run")],
)
def test_fal_clients_name_the_host(value: str, origin: str) -> None:
    made = good(call("fal", "fal-ai/x", headers=[("X-Fal-Target-URL", value)]))
    assert made.origin.host == origin
    assert made.request.target.startswith(b"/fal-ai/x")
    assert "x-fal-target-url" not in fields(made)


@pytest.mark.parametrize(
    "value",
    [
        "https://evil.com/",
        "https://fal.run.evil.com/",
        "https://evilfal.run/",
        "http://fal.run/",
        "https://fal.run:8443/",
        "https://fal.run@evil.com/",
        "https://evil.com#.fal.run/",
        "https://evil.com\\.fal.run/",
        "https://evil.com/.fal.run",
        "//fal.run",
        "fal.run",
        "https://\u212fvil.fal.run/",
        "https://a%2f.fal.run/",
        "https://x..fal.run/",
        "https://fal.run./",
        "https://queue.fal.run/../x",
        "https://queue.fal.run/%2e%2e/x",
        "https://" + "a" * 9000 + ".fal.run",
    ],
)
def test_fal_targets_elsewhere_are_refused(value: str) -> None:
    assert "request.headers.x-fal-target-url" in detail(call("fal", "x", headers=[("x-fal-target-url", value)]))


def test_a_stored_key_goes_only_to_fal_hosts_that_are_known() -> None:
    stored = ProviderSettings(api_key=Secret(CANARY))
    known = call("fal", "x", headers=[("x-fal-target-url", "https://queue.fal.run/x")], fal=stored)
    assert fields(known)["authorization"] == f"Key {CANARY}"
    text = detail(call("fal", "x", headers=[("x-fal-target-url", "https://tenant.fal.run/x")], fal=stored))
    assert "names the host itself" in text
    own = call(
        "fal", "x", headers=[("x-fal-target-url", "https://t.fal.run/x"), ("authorization", "Key mine")], fal=stored
    )
    assert fields(own)["authorization"] == "Key mine"
