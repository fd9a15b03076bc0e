"""Which host an endpoint belongs to, and who chose it."""

import pytest

from aigw_sansio.faults import Fault
from aigw_sansio.providers.hosts import Destination, find_destination, named_destination
from aigw_sansio.providers.registry import REGISTRY
from aigw_sansio.providers.target import Endpoint, RefusedTarget, check_endpoint


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
