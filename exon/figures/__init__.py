"""One function for each figure; all of them return a Matplotlib Figure."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["compare", "plots", "replication", "svg"])
