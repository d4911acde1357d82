"""Columns and classes of the tables of flips. Free of torch."""

from moe_core.routing.router_net import ROUTER_PRECISIONS

KINDS = ("local", "compounded")
ROUNDED = ROUTER_PRECISIONS[1:]
EDGES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
COUNTS = ("decisions", "assignments", "assignments_changed", "first_changed", "set_changed")
COLUMNS = ("router_precision", "kind", "layer", "step", "bin", "margin_low", "margin_high", *COUNTS)
