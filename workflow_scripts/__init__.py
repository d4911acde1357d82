"""One small command a rule. The process settings that must stand before torch loads stand here."""

import os

# threads that wait give their core away: spinning ones stall whatever shares the machine
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
