"""From a plan's document to a Plan: everything that cannot work is refused, each fault with its pointer."""

from __future__ import annotations

from services.incentive.domain.component_reading import read_component
from services.incentive.domain.document import Faults, Node
from services.incentive.domain.plans import Assignment, Plan, PlanRefused

COMPONENTS_MAX = 50


def read_plan(key: str, version: int, document: object) -> Plan:
    """Read and check one version of a plan. Raises PlanRefused with every fault found."""
    faults = Faults()
    root = Node(document, (), faults)
    if root.has("key") and root.fields["key"] != key:
        root.fault("key", "not-valid", f"the plan is {key!r}")
    if root.has("label"):
        root.text("label", "how people call it")
    valid_from = root.day("valid_from", "the first day whose credits this version pays")
    valid_to = root.day("valid_to", "the first day not any more") if root.has("valid_to") else None
    if valid_from and valid_to and valid_to <= valid_from:
        root.fault("valid_to", "empty-interval", "valid_to must be after valid_from")
    assigned_to = _read_assignment(Node(root.get("assigned_to", "whom the plan pays"), ("assigned_to",), faults))
    items = root.items("components", "what the plan pays for")
    if len(items) > COMPONENTS_MAX:
        root.fault("components", "too-many", f"at most {COMPONENTS_MAX} components")
    components = tuple(read_component(Node(item, ("components", i), faults)) for i, item in enumerate(items))
    for index, component in enumerate(components):
        if component.key in {earlier.key for earlier in components[:index]}:
            faults.add(("components", index, "key"), "not-unique", f"{component.key!r} stands twice")
    root.close()
    if faults or valid_from is None:
        raise PlanRefused(faults)
    return Plan(key, version, valid_from, valid_to, assigned_to, components)


def _read_assignment(node: Node) -> Assignment:
    everyone = node.has("everyone")
    if everyone and node.fields["everyone"] is not True:
        node.fault("everyone", "not-valid", "this is true or absent")
    found = {
        name: node.names(name, "who") if node.has(name) else frozenset[str]() for name in ("roles", "teams", "people")
    }
    if everyone and any(found.values()):
        node.fault("everyone", "not-valid", "everyone leaves nothing for roles, teams or people to add")
    if node.given and not everyone and not any(found.values()):
        node.faults.add(node.path, "required", "say everyone, roles, teams or people")
    node.close()
    return Assignment(everyone, found["roles"], found["teams"], found["people"])
