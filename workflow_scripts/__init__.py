"""One small command a rule."""

import moe_core  # noqa: F401  process settings that must stand before torch loads
