"""A decoder-only Transformer whose feed-forward layers are mixtures of experts."""
