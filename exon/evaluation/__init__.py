"""What a trained model is measured by: judge, scores, effects of the ablation, and the authors' own numbers."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["effects", "intervals", "judge", "latent", "reference", "report", "scores"]
)
