"""Multiply by the routing matrix: gather tokens, run experts, combine."""
