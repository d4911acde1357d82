"""Triton kernels of the router: select experts, give out slots, move rows.

An optional extra: ``entry`` imports the others when asked for them, so that nothing else needs
the package ``triton``. They run on a GPU, or slowly on a CPU in Triton's interpreter
(``TRITON_INTERPRET=1`` before the first import of triton).
"""
