"""The mutants of a module: each differs from it in one place that a test should notice.

Not changed: texts, annotations, decorators, assertions, what a base class leaves to others, and arguments
that only concern speed or display. Nor is `<` made `<=` where a side is a logarithm: at the edge it is not
the same number on every processor, so that no test can hold it.
Dropping an assignment to a name is left out: it nearly always ends in a NameError, which any test notices.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

COMPARED = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
CALCULATED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum", "maximum": "minimum"}
EDGES = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
ROUNDED = {"log", "log1p", "grow", "exp"}
"""What is not the same on every processor, in its last digit."""
SKIPPED_FIELDS = {"annotation", "returns", "decorator_list", "type_params", "ctx"}
SKIPPED_KEYWORDS = {"compare", "copy", "frozen", "hash", "init", "kw_only", "maxsize", "repr", "strict"}


@dataclass(frozen=True)
class Mutant:
    """One change of one module: the `index`-th that `mutants` finds in it. Lines are counted from 1."""

    path: str
    index: int
    kind: str
    line: int
    first: int
    """The first line of its statement, and the last of the part of it that runs at once."""
    last: int
    owner: tuple[str, int] | None
    """Name and line of the outermost function around it; None at the level of a module or a class."""
    before: str
    after: str

    def __str__(self) -> str:
        """Show where it is, and the line before and after."""
        return f"{self.path}:{self.line}: {self.kind}\n  - {self.before}\n  + {self.after}"


def mutants(path: str, source: str) -> list[Mutant]:
    """Return all mutants of a module, in an order that depends on its text only."""
    lines = source.splitlines()
    tree = ast.parse(source)
    early = _called_on_import(tree)
    found = []
    for index, change in enumerate(_changes(tree)):
        before, after = _lines(lines, change)
        owner = None if change.owner and change.owner[0] in early else change.owner
        first, last = _extent(change.statement)
        line = getattr(change.node, "lineno", first)
        found.append(Mutant(path, index, change.kind, line, first, last, owner, before, after))
    return found


def mutated(source: str, index: int) -> ast.Module:
    """Return the syntax tree of a module with one of its mutants applied."""
    tree = ast.parse(source)
    changes = list(_changes(tree))  # all are found before any is made
    changes[index].make()
    return ast.fix_missing_locations(tree)


@dataclass
class _Change:
    kind: str
    parent: ast.AST
    field: str
    place: int | None
    node: ast.AST
    new: ast.AST
    statement: ast.stmt
    owner: tuple[str, int] | None

    def make(self) -> None:
        ast.copy_location(self.new, self.node)
        if self.place is None:
            setattr(self.parent, self.field, self.new)
        else:
            getattr(self.parent, self.field)[self.place] = self.new


def _changes(
    parent: ast.AST, statement: ast.stmt | None = None, owner: tuple[str, int] | None = None
) -> Iterator[_Change]:
    for field, value in ast.iter_fields(parent):
        if field in SKIPPED_FIELDS or not isinstance(value, (ast.AST, list)):
            continue
        inside = owner
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)) and field == "body":
            inside = owner or (parent.name, _first(parent))
        for place, node in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(node, ast.AST) or _skipped(node):
                continue
            at = node if isinstance(node, ast.stmt) else statement
            if at is not None:
                for kind, new in _replacements(node, parent, field):
                    where = place if isinstance(value, list) else None
                    yield _Change(kind, parent, field, where, node, new, at, inside)
            yield from _changes(node, at, inside)


def _replacements(node: ast.AST, parent: ast.AST, field: str) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.Compare(ops=ops):
            for place, op in enumerate(ops):
                for other in COMPARED[type(op)]:
                    if other is EDGES.get(type(op)) and _is_rounded(node):
                        continue
                    yield "comparison", _with(node, ops=[*ops[:place], other(), *ops[place + 1 :]])
        case ast.BinOp(op=op) if type(op) in CALCULATED and not _text(node):
            yield "calculation", _with(node, op=CALCULATED[type(op)]())
        case ast.AugAssign(op=op) if type(op) in CALCULATED:
            yield "calculation", _with(node, op=CALCULATED[type(op)]())
            yield "dropped", ast.Pass()
        case ast.Constant(value=bool(value)):
            yield "constant", ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield "constant", ast.Constant(value + 1)
            yield "constant", ast.Constant(value - 1)
        case ast.Constant(value=float(value)):
            yield "constant", ast.Constant(value * 2 if value else 1.0)
            if value:
                yield "constant", ast.Constant(value / 2)
        case ast.BoolOp(op=op, values=values):
            yield "condition", _with(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
            for place in range(len(values)):
                rest = values[:place] + values[place + 1 :]
                yield "condition", _with(node, values=rest) if len(rest) > 1 else copy.deepcopy(rest[0])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "condition", copy.deepcopy(operand)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield "calculation", copy.deepcopy(operand)
        case ast.Call(func=ast.Name(id=name)) if name in SWAPPED:
            yield "call", _with(node, func=ast.Name(SWAPPED[name], ast.Load()))
        case ast.Call(func=ast.Attribute(attr=name) as func) if name in SWAPPED:
            yield "call", _with(node, func=_with(func, attr=SWAPPED[name]))
        case ast.Name() | ast.Call() | ast.Attribute() if field in {"test", "ifs"}:
            yield "condition", ast.UnaryOp(ast.Not(), copy.deepcopy(node))
        case ast.Return(value=value) if value is not None and not _plain(value):
            yield "returned", ast.Return(ast.Constant(None))
        case ast.Break():
            yield "dropped", ast.Continue()
        case ast.Continue():
            yield "dropped", ast.Break()
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.Raise() | ast.Delete():
            yield "dropped", ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield "dropped", ast.Pass()


def _is_rounded(node: ast.Compare) -> bool:
    """Whether a side of a comparison is made of a logarithm, or of what undoes one."""
    calls = (part.func for part in ast.walk(node) if isinstance(part, ast.Call))
    names = (getattr(func, "attr", getattr(func, "id", "")) for func in calls)
    return not ROUNDED.isdisjoint(names)


def _with(node: ast.AST, **fields: object) -> ast.AST:
    new = copy.deepcopy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _text(node: ast.BinOp) -> bool:
    return any(isinstance(side, ast.JoinedStr) or _string(side) for side in (node.left, node.right))


def _string(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))


def _called_on_import(tree: ast.Module) -> set[str]:
    """Return the functions that the module itself calls: what they do has happened before a test begins."""
    outside = (node for node in tree.body if not isinstance(node, (ast.FunctionDef, ast.ClassDef)))
    calls = (node.func for part in outside for node in ast.walk(part) if isinstance(node, ast.Call))
    return {name.id for name in calls if isinstance(name, ast.Name)}


def _plain(node: ast.AST) -> bool:
    """Whether it is None, as good as that (False), or changed as a constant (True)."""
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))


def _skipped(node: ast.AST) -> bool:
    match node:
        case ast.Assert():
            return True
        case ast.keyword(arg=name):
            return name in SKIPPED_KEYWORDS
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.Raise(exc=ast.Name(id="NotImplementedError")):
            return True
    return False


def _first(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _extent(statement: ast.stmt) -> tuple[int, int]:
    body = getattr(statement, "body", None)
    end = statement.end_lineno or statement.lineno
    return statement.lineno, max(statement.lineno, body[0].lineno - 1) if body else end


def _lines(lines: list[str], change: _Change) -> tuple[str, str]:
    """Return the line that a change is on, before and after; of longer parts only the part."""
    node, new = change.node, ast.unparse(change.new)
    low, high = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0)
    if not low or low != high:
        return ast.unparse(node), new
    line = lines[low - 1].encode()
    after = line[: node.col_offset] + new.encode() + line[node.end_col_offset :]  # type: ignore[attr-defined]
    return line.decode().strip(), after.decode().strip()
