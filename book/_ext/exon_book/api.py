"""The pages of the package, drawn by autodoc, without what tells a reader nothing."""

from typing import Any

from sphinx import addnodes
from sphinx.application import Sphinx

LONGEST = 200
"""Characters of a constant's value that its heading shows."""


def skip(app: Sphinx, what: str, name: str, member: Any, skipped: bool, options: Any) -> bool | None:
    """The fields of a named tuple stand in its signature; numbers in capitals are of use in the source alone."""
    is_field = type(member).__name__ == "_tuplegetter"
    return True if is_field or (name.isupper() and isinstance(member, int | float)) else None


def leave_out_unreadable_values(app: Sphinx, domain: str, kind: str, content: addnodes.desc_content) -> None:
    if kind in ("data", "attribute"):
        for value in list(content.parent.findall(addnodes.desc_annotation)):
            text = value.astext()
            if text.startswith(" = ") and (len(text) > LONGEST or "<function" in text or "<class" in text):
                value.parent.remove(value)


def setup(app: Sphinx) -> None:
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-skip-member", skip)
    app.connect("object-description-transform", leave_out_unreadable_values)
