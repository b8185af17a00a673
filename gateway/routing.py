"""Finding the policy of a request: a dictionary for fixed paths, patterns made once for the others."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from gateway.policies import Policy

_PARAMETER = re.compile(r"\{[^/{}]+\}")

ByMethod = Mapping[str, Policy]


class Router:
    """Matches whole paths as the server decoded them; a fixed path goes before a pattern."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        templates: dict[str, dict[str, Policy]] = defaultdict(dict)
        for policy in policies:
            templates[shape(policy.path)][policy.method] = policy
        self._fixed: dict[str, ByMethod] = {}
        self._patterns: dict[int, list[tuple[re.Pattern[str], ByMethod]]] = defaultdict(list)
        for template, by_method in templates.items():
            if "{}" in template:
                pattern = re.compile("[^/]+".join(map(re.escape, template.split("{}"))))
                self._patterns[template.count("/")].append((pattern, by_method))
            else:
                self._fixed[template] = by_method

    def find(self, path: str) -> ByMethod | None:
        """The policies of a path by method; None when there is no such route."""
        if (found := self._fixed.get(path)) is not None:
            return found
        for pattern, by_method in self._patterns.get(path.count("/"), ()):
            if pattern.fullmatch(path):
                return None if "/./" in path + "/" or "/../" in path + "/" else by_method
        return None


def shape(path: str) -> str:
    """The template without the parameters' names: two templates with the same shape are the same route."""
    return _PARAMETER.sub("{}", path)
