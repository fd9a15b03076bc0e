"""Any offer of subprotocols: one offered item is selected, no key is shown or selected without need, ours goes nowhere.

``python -m fuzz.fuzz_subprotocols --seconds 60``. An input is the field's value, and behind a line feed the provider's
choice.
"""

from fuzz._fuzz import main

from aigw_sansio.providers.subprotocols import read_offer

_NEVER = (b"cf-aig-", b"xi-api-key.", b"fal-api-key.")

SEEDS: list[bytes] = [
    b"realtime,openai-insecure-api-key.sk-canary,openai-beta.realtime-v1\nrealtime",
    b"cf-aig-authorization.canary,realtime",
    b"token,canary.with.dots,realtime",
    b"bearer,cf-aig-authorization.canary",
    b"xi-api-key.canary,fal-api-key.canary\nconvai",
    b"x-secret.canary,Openai-Project.x",
    b"\nrealtime",
]


def target(data: bytes) -> None:
    """Raise if the invariant breaks."""
    value, _, choice = data.partition(b"\n")
    items = [item.strip() for item in value.split(b",") if item.strip()]
    offer = read_offer(items)
    assert [item.text for item in offer.items] == items
    own = offer.token
    for provider in (None, choice):
        selected = offer.select(provider)
        assert (selected is None) == (not items)
        assert selected is None or selected in items
        plain = [item for item in offer.items if not item.secret and item.name not in ("token", "bearer")]
        if provider not in items and plain:
            assert any(item.text == selected and not item.secret for item in offer.items)
        shown = offer.shown(selected)
        first = next((item for item in offer.items if item.text == selected), None)
        if first is not None and first.secret:
            assert shown in ("***", f"{first.name}.***")
    kept = [item.text for item in offer.items if not item.name.startswith(("cf-aig-", "xi-api-key", "fal-api-key"))]
    assert [text for text in offer.upstream() if text in kept] == kept
    assert not any(text.lower().startswith(_NEVER) for text in offer.upstream() if text not in kept)
    fields: dict[str, str] = {}
    offer.put_fields(fields)
    assert set(fields) <= {"xi-api-key", "authorization"}
    if own is not None:
        left = offer.without(lambda token: token == own)
        assert all(item.value != own or item.is_ours for item in left.items)


if __name__ == "__main__":
    main(target, SEEDS)
