"""From an experiment to its record: command line, notebooks, grids, sweeps, checkpoints."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["checkpoint", "cli", "crate", "grid", "notebook", "record", "sweep"]
)
