"""Trained runs as checkpoints of the library transformers, and back."""
