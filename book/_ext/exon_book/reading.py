"""Roles and directives that read records: what is missing becomes a warning that names it, and never stops the build."""

from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective, SphinxRole

from exon.errors import UserError
from exon_book.lookup import logger, origin, runs_of, unfinished

LACKING = (LookupError, OSError, ValueError)  # a UserError is a ValueError
"""What is raised where a run, a metric or a level of a setting is not there."""


def said(error: Exception) -> str:
    """A short reason."""
    if isinstance(error, UserError):
        return str(error)
    return f"nothing is stored for {error}" if isinstance(error, KeyError) else f"{type(error).__name__}: {error}"


class RecordRole(SphinxRole):
    """A role whose text `node` makes from records."""

    def node(self) -> nodes.Node:
        """What the role stands for; raises one of `LACKING`."""
        raise NotImplementedError

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        try:
            return [self.node()], []
        except LACKING as error:
            logger.warning("{%s}`%s`: %s", self.name, self.text, said(error), location=self.get_location())
            return [], []


class RecordDirective(SphinxDirective):
    """A directive whose content `made` makes from records."""

    def made(self) -> list[nodes.Node]:
        """What the directive stands for; raises one of `LACKING`."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        try:
            return self.made()
        except LACKING as error:
            self.warn(said(error))
            return []

    def warn(self, message: str) -> None:
        """A warning that begins with the directive as it stands in the page."""
        logger.warning("{%s} %s: %s", self.name, " ".join(self.arguments), message, location=self.get_location())


class GridDirective(RecordDirective):
    """A directive about the finished runs of grids; where it cannot be made of them, the warning names the others."""

    required_arguments = 1
    final_argument_whitespace = True

    @property
    def grids(self) -> str:
        """The grids' names, as in `grid.select`."""
        return self.arguments[0]

    def made_of(self, runs: list[Path]) -> list[nodes.Node]:
        """What the directive stands for; raises one of `LACKING`."""
        raise NotImplementedError

    def made(self) -> list[nodes.Node]:
        runs = runs_of(self.env, self.grids)
        try:
            return self.made_of(runs)
        except LACKING as error:
            missing = ", ".join(unfinished(self.grids, Path(self.env.srcdir))) or "none"
            raise UserError(f"{said(error)} (finished runs: {len(runs)}; missing: {missing})") from error

    def origin(self, runs: list[Path]) -> nodes.paragraph:
        """`lookup.origin` of the directive's grids."""
        return origin(self.env, self.grids, runs)
