"""Quotas and prices in a settings file.

Decides: how rates, rules and prices are written. Must not know: what they mean (the core checks that), and which tables
have them.
"""

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from aigw_sansio import ConfigError, CustomCost, QuotaRule, Selector
from aigw_sansio.quoting import key_text, place_text

from .proxy_values import ProxyReader
from .toml_values import Table, kind_of

#: The keys of a gateway's table that are read here.
RATE_KEYS: Final = ("rate_limiting_limit", "rate_limiting_interval", "rate_limiting_technique")
_RULE_KEYS: Final = (
    "id", "enabled", "limitType", "limit", "window", "technique", "token", "provider", "model", "metadata",
)  # fmt: skip
_SELECTOR_KEYS: Final = ("mode", "values")
#: The file's names for the fields of a rule.
_RULE_NAMES: Final = {"measure": "limitType", "window_s": "window"}
_RATE_NAMES: Final = dict(zip(("limit", "window_s", "technique"), RATE_KEYS, strict=True))

_Built = TypeVar("_Built", bound=msgspec.Struct)


class QuotaReader(ProxyReader):
    """Reads quotas and prices too."""

    def rate_limit(self, where: str, table: Table) -> QuotaRule | None:
        """The rate of a gateway; ``None`` if there is none, which is also a limit of 0."""
        found: Table = {}
        for key in RATE_KEYS[:2]:
            number = self.number(f"{where}.{key}", table.get(key, 0), whole=True)
            if number is None:
                return None
            found[key] = number
        technique = self.string(f"{where}.{RATE_KEYS[2]}", table.get(RATE_KEYS[2], "fixed"))
        if technique is None or not found[RATE_KEYS[0]]:
            return None
        values = {"limit": found[RATE_KEYS[0]], "window_s": found[RATE_KEYS[1]], "technique": technique}
        return self._made(where, QuotaRule, {**values, "id": RATE_KEYS[0]}, _RATE_NAMES)

    def rules(self, where: str, table: Table) -> list[QuotaRule]:
        """The rules of a gateway's table ``spend_limits``."""
        self.known(where, table, ("enabled", "rules"))
        rules = table.get("rules", [])
        if not isinstance(rules, list):
            self.error(f"{where}.rules", f"is {kind_of(rules)}; allowed is an array of tables, [[{where}.rules]]")
            return []
        found = [self._rule(f"{where}.rules[{index}]", rule) for index, rule in enumerate(rules)]
        if "enabled" in table and self.boolean(f"{where}.enabled", table["enabled"]) is False:
            return []
        return [rule for rule in found if rule is not None]

    def prices(self, where: str, table: Table) -> dict[str, CustomCost]:
        """The prices of a provider, by model."""
        found: dict[str, CustomCost] = {}
        for model, prices in self.tables(where, table, "prices").items():
            at = f"{where}.{key_text(model)}"
            self.known(at, prices, CustomCost.__struct_fields__)
            numbers = {
                name: self.number(f"{at}.{name}", prices[name], whole=False)
                for name in CustomCost.__struct_fields__
                if name in prices
            }
            found[model] = CustomCost(**numbers)
        return found

    def _rule(self, where: str, table: object) -> QuotaRule | None:
        if not isinstance(table, dict):
            self.error(where, f"is {kind_of(table)}; allowed is a table")
            return None
        self.known(where, table, _RULE_KEYS)
        found: Table = {}
        for name in ("id", "technique", "limitType"):
            if name in table:
                found[{"limitType": "measure"}.get(name, name)] = self.string(f"{where}.{name}", table[name])
        for name in ("limit", "window"):
            if name not in table:
                self.error(f"{where}.{name}", "is missing; allowed is a number")
            else:
                key = {"window": "window_s"}.get(name, name)
                found[key] = self.number(f"{where}.{name}", table[name], whole=False)
        if "enabled" in table:
            found["enabled"] = self.boolean(f"{where}.enabled", table["enabled"])
        for name in ("token", "provider", "model"):
            if name in table:
                found[name] = self._selector(f"{where}.{name}", table[name])
        for name, selector in self.table(f"{where}.metadata", table, "metadata").items():
            found.setdefault("metadata", {})[name] = self._selector(f"{where}.metadata.{key_text(name)}", selector)
        everything = [*found.values(), *found.get("metadata", {}).values()]
        if any(value is None for value in everything) or not {"limit", "window_s"} <= found.keys():
            return None  # told already
        return self._made(where, QuotaRule, found, _RULE_NAMES)

    def _selector(self, where: str, table: object) -> Selector | None:
        if not isinstance(table, dict):
            self.error(where, f"is {kind_of(table)}; allowed is a table, {{ mode = 'partition' }}")
            return None
        self.known(where, table, _SELECTOR_KEYS)
        mode = self.string(f"{where}.mode", table.get("mode", "filter"))
        values = self.strings(f"{where}.values", table.get("values", []))
        if mode is None or values is None:
            return None
        return self._made(where, Selector, {"mode": mode, "values": values}, {})

    def _made(self, where: str, cls: type[_Built], values: Table, names: Mapping[str, str]) -> _Built | None:
        """An object of ``cls``; ``names``: how the file calls its fields, if otherwise."""
        try:
            return cls(**values)
        except ConfigError as error:
            for place, why in error.errors:
                first = str(place[0])
                self.error(f"{where}.{place_text((names.get(first, first), *place[1:]))}", why)
            return None
