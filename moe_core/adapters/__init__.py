"""Adapters of low rank on a frozen mixture of experts: PERFT, and LoRA beside it."""
