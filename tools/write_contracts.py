"""Writes what is committed of the contracts' types: contracts/schemas/<type>.json and contracts/asyncapi.json.

Within a major version a schema only grows: it refuses to write one that takes something away from those who send by
the committed one. (``--unreleased`` writes it all the same: for a type that nobody sends yet.)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from contracts.asyncapi import document  # noqa: E402
from contracts.json_schema import event_schema  # noqa: E402
from contracts.topics import EVENT_TYPES  # noqa: E402

BOUNDS = ("type", "pattern", "const", "enum", "format", "$ref", "anyOf", "items", "minLength", "maxLength", "maxItems")
SCHEMAS = ROOT / "contracts" / "schemas"
ASYNCAPI = ROOT / "contracts" / "asyncapi.json"


def texts() -> dict[str, str]:
    """What each schema file must say, by file name."""
    return {f"{name}.json": _written(event_schema(name)) for name in EVENT_TYPES}


def asyncapi() -> str:
    """What contracts/asyncapi.json must say."""
    return _written(document())


def _written(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def losses(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What a new schema takes away from those who write by the old one."""
    lost = [
        f"the field {name} is gone" for name in sorted(set(old.get("properties", {})) - set(new.get("properties", {})))
    ]
    lost += [f"{name} is required now" for name in sorted(set(new.get("required", [])) - set(old.get("required", [])))]
    for name, place in old.get("properties", {}).items():
        if isinstance(place, dict) and isinstance(now := new.get("properties", {}).get(name), dict):
            lost += [f"{name} has another {bound}" for bound in BOUNDS if place.get(bound) != now.get(bound)]
    for name, definition in old.get("$defs", {}).items():
        lost += [f"{name}: {loss}" for loss in losses(definition, new.get("$defs", {}).get(name, {}))]
    return lost


def main(arguments: list[str], folder: Path = SCHEMAS, asyncapi_file: Path = ASYNCAPI) -> int:
    """Write what changed, and take away what no type stands behind any more; 1 = a schema would shrink."""
    folder.mkdir(exist_ok=True)
    wanted = texts()
    committed = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    shrinking = [
        f"{name}: {loss}"
        for name, text in committed.items()
        for loss in losses(json.loads(text), json.loads(wanted.get(name, "{}")))
    ]
    if shrinking and "--unreleased" not in arguments:
        print("\n".join(shrinking), "make it the next major version of the type instead", sep="\n", file=sys.stderr)
        return 1
    for name in committed.keys() - wanted.keys():
        (folder / name).unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")
        print(f"contracts/schemas/{name}")
    asyncapi_file.write_text(asyncapi(), encoding="utf-8")
    print("contracts/asyncapi.json")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
