"""No number is typed in: a decimal number in a page's prose must come from a record, or be marked as a setting."""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

from exon_book.lookup import logger

DECIMAL = re.compile(r"\d[.,]?\d*\.\d+")
# Code and formulas hold settings and definitions; the class "record" marks what directives write from records.
EXEMPT = (nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw, nodes.reference, nodes.comment)
MARKED = {"metric", "setting", "record", "ledger"}


class SettingRole(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        return [nodes.inline(self.text, self.text, classes=["setting"])], []


def find_typed_numbers(app: Sphinx, doctree: nodes.document) -> None:
    """A warning for every decimal number that a page of book/ states on its own authority."""
    docname = app.env.docname
    if not docname.startswith(("book/", "index")) or docname.startswith("book/api/"):
        return
    for text in doctree.findall(nodes.Text):
        if (number := DECIMAL.search(text)) and not _accounted_for(text):
            logger.warning(
                "%s is typed in: read it from a record, or mark it as a {setting}", number[0], location=text.parent
            )


def _accounted_for(node: nodes.Node) -> bool:
    while (node := node.parent) is not None:
        if isinstance(node, EXEMPT) or MARKED.intersection(node.get("classes", ())):
            return True
    return False
