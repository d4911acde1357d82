"""The claims ledger: ``claims.yaml`` in, tables of results beside it, out comes a verdict each.

rules (what a claim may say) -> schema (the file) ; evidence (tables -> values of arms) ->
estimates (effects with intervals) -> judge (one rule) -> ledger (all claims as one family).
"""
