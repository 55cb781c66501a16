"""EXoN: a semi-supervised variational autoencoder whose latent space is laid out by hand."""

__version__ = "0.1.0"
