"""EXoN: a semi-supervised variational autoencoder whose latent space is laid out by hand."""

import lazy_loader

__version__ = "0.1.0"

# Loaded when first used, so that `import exon` is light; the shortcuts are what notebooks import.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "cuda_graph",
        "data",
        "errors",
        "experiment",
        "explain",
        "files",
        "losses",
        "metrics",
        "model",
        "networks",
        "optimization",
        "prior",
        "train",
    ],
    submod_attrs={"evaluation": ["judge", "reference", "report", "scores"], "figures": ["plots"], "runs": ["record"]},
)
