"""MoE Routing Bench: the model, the routers and the measures.

Tensor names end in their shape, one letter an axis:

====  =============================  ====  ==============================
T     tokens of a batch (B x S)      B     sequences of a batch
D     model width                    S     tokens of a sequence
F     hidden width of an expert      V     vocabulary
E     experts                        G     routing groups
K     experts chosen by a token      A     assignments (token, expert)
C     capacity: slots of an expert   L     layers
      in one routing group           N     evaluation windows
====  =============================  ====  ==============================

So ``x_TD @ w_DE`` gives ``logits_TE``.
"""

import os

# before torch loads: threads that wait give their core away (see training/process.py)
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
