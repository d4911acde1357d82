"""Image classifiers: a token is an image, an expert a small CNN (or, in Soft MoE, of patches)."""
