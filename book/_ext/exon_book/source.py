"""Functions and constants of the package as they stand in its source."""

import ast
import textwrap
from pathlib import Path

from docutils import nodes
from sphinx.directives.code import LiteralInclude

from exon.errors import UserError
from exon_book.lookup import logger
from exon_book.reading import LACKING, said


class Source(LiteralInclude):
    """{source} exon.losses.kl_label: a function or method as it stands in the package, without its docstring, or a constant."""

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        try:
            path, inside = _place(name, Path(self.env.srcdir))
        except LACKING as error:
            logger.warning("{%s} %s: %s", self.name, name, said(error), location=self.get_location())
            return []
        lines = lines_of_constant((Path(self.env.srcdir) / path).read_text(), inside)
        self.options |= {"lines": lines} if lines else {"pyobject": inside}
        self.arguments[0] = f"/{path}"
        self.options["language"] = "python"
        shown = super().run()
        for block in shown:
            if isinstance(block, nodes.literal_block):
                block.rawsource = without_docstring(block.astext())
                block.clear()
                block += nodes.Text(block.rawsource)
        return shown


def lines_of_constant(source: str, name: str) -> str:
    """The lines of a module that give a constant its value, as "34-50"; nothing where it has no constant of that name."""
    for statement in ast.parse(source).body:
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        if isinstance(statement, ast.Assign | ast.AnnAssign) and name in [
            getattr(each, "id", None) for each in targets
        ]:
            return f"{statement.lineno}-{statement.end_lineno}"
    return ""


def without_docstring(source: str) -> str:
    """The source of one object, a function's docstring left out and the indentation removed."""
    source = textwrap.dedent(source)
    (function,) = ast.parse(source).body
    if not isinstance(function, ast.FunctionDef) or ast.get_docstring(function) is None:
        return source
    first, lines = function.body[0], source.splitlines()
    return "\n".join(lines[: first.lineno - 1] + lines[first.end_lineno :])


def _place(name: str, root: Path) -> tuple[str, str]:
    """The file below the book's root that holds an object, and the object's name in it."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        for path in (Path(*parts[:cut]).with_suffix(".py"), Path(*parts[:cut], "__init__.py")):
            if (root / path).is_file():
                return path.as_posix(), ".".join(parts[cut:])
    raise UserError("there is no such module")
