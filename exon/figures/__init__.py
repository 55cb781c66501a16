"""One function for each figure; all of them return a Matplotlib Figure."""

import lazy_loader

# What `exon` hands on to notebooks.
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["plots"])
