"""The rules that every Python module keeps: each message says why, and what to do instead."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

LINES_MAX, TEST_LINES_MAX = 250, 320
FUNCTION_LINES_MAX = 60
FORBIDDEN_FOLDERS = {"platform", "common", "utils", "util", "shared", "core", "lib", "libs", "helpers", "misc"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_a_module_says_what_it_is_in_one_sentence(module):
    text = module.read_text(encoding="utf-8")
    if not text.strip():
        return
    docstring = ast.get_docstring(parse(module)) or ""
    first = " ".join(docstring.split("\n\n")[0].split())
    assert first, "no docstring: begin the module with one sentence that says what it is"
    assert first.endswith("."), f"{first!r} is no sentence: end it with a full stop, and put the rest in a paragraph"


def test_a_module_is_short_enough_to_read_at_once(module):
    lines = len(module.read_text(encoding="utf-8").splitlines())
    allowed = TEST_LINES_MAX if "tests" in module.parts else LINES_MAX
    assert lines <= allowed, f"{lines} lines: good code lives at 40 to 200; split it by what it speaks of"


def test_a_function_is_short_enough_to_read_at_once(product_module):
    if "migrations" in product_module.parts:
        return  # a list of tables, read once
    for node in ast.walk(parse(product_module)):
        if isinstance(node, Function) and not inner_functions(node):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= FUNCTION_LINES_MAX, (
                f"line {node.lineno}: {node.name} has {lines} lines; about ten is good: take steps out and name them"
            )


def inner_functions(node: Function) -> bool:
    """A function that only holds others (routes of an app) is judged by those."""
    return any(isinstance(child, Function) for child in ast.walk(node) if child is not node)


def test_no_float_touches_money_or_a_kpi(exact_module):
    tree = parse(exact_module)
    guards = {id(name) for node in ast.walk(tree) for name in refused(node)}
    for node in ast.walk(tree):
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        word = isinstance(node, ast.Name) and node.id == "float" and id(node) not in guards
        found = literal or word
        assert not found, f"line {node.lineno}: a float loses cents; use Decimal, Fraction or integers of minor units"


def refused(node: ast.AST) -> list[ast.AST]:
    """The names by which a float is recognised to be refused: ``isinstance(x, float)``, and a class that marks one."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
        return list(ast.walk(node))
    return list(node.bases) if isinstance(node, ast.ClassDef) else []


def test_what_others_call_says_what_they_must_know(spoken_module):
    tree = parse(spoken_module)
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), (
                f"line {node.lineno}: {node.name} is public and has no docstring; "
                "say units, time zone, rounding, errors, order: what a caller must know"
            )


def test_no_folder_attracts_everything(folder):
    assert folder.name not in FORBIDDEN_FOLDERS, (
        "such a folder attracts everything (and platform/ shadows the standard library); name it after its subject"
    )


def test_nothing_is_left_for_later(product_module):
    found = re.findall(r"\b(?:TODO|FIXME|XXX|HACK)\b", product_module.read_text(encoding="utf-8"))
    assert not found, f"{found}: do it now, or write an issue; code says what is, not what might be"
    for node in ast.walk(parse(product_module)):
        raised = node.exc if isinstance(node, ast.Raise) else None
        name = raised.func if isinstance(raised, ast.Call) else raised
        assert not (isinstance(name, ast.Name) and name.id == "NotImplementedError"), (
            f"line {node.lineno}: a stub; build it, or leave the function out"
        )


def test_a_silenced_check_names_what_it_silences(module):
    for number, line in enumerate(module.read_text(encoding="utf-8").splitlines(), 1):
        assert not re.search(r"#\s*type:\s*ignore(?!\[)", line), (
            f"line {number}: say which error, as in ignore[arg-type]"
        )
        assert not re.search(r"#\s*noqa(?!: ?[A-Z])", line), f"line {number}: say which rule, as in noqa: E501"


def test_the_product_does_not_know_that_it_is_tested(product_module):
    for node in ast.walk(parse(product_module)):
        imported = node.names[0].name if isinstance(node, ast.Import) else getattr(node, "module", None)
        top = (imported or "").split(".")[0] if isinstance(node, ast.Import | ast.ImportFrom) else ""
        assert top not in {"pytest", "hypothesis", "tests", "unittest"}, (
            f"line {node.lineno}: imports {top}; a test gives what it needs as a parameter"
        )


def test_our_own_code_is_never_patched(test_module):
    for node in ast.walk(parse(test_module)):
        setter = isinstance(node, ast.Attribute) and node.attr == "setattr"
        patched = setter and getattr(node.value, "id", "") == "monkeypatch"
        patched |= isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unittest")
        assert not patched, (
            f"line {node.lineno}: a patched module is not the one that runs; "
            "take a parameter, or fake a port with a class of the test's own"
        )
