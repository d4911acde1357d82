rule data:
    """The corpus, split and tokenized."""
    input:
        rules.corpus.output,
        rules.tokens.output,


rule unified:
    """The unified experiment: strategies x capacity factors x seeds, with controls."""
    input:
        "results/unified/summary.csv",
        "results/unified/aggregate.csv",
        multiext("results/unified/frontier", ".pdf", ".png"),
        multiext("results/unified/overlay", ".pdf", ".png"),
        multiext("results/unified/load_quality", ".pdf", ".png"),


rule capacity:
    """The capacity microbenchmark and its figures."""
    input:
        "results/capacity/microbench.csv",
        multiext("results/capacity/capacity_drop_rate", ".pdf", ".png"),
        multiext("results/capacity/capacity_tokens_per_s", ".pdf", ".png"),


rule report_inputs:
    """All that the report needs, short of compiling it with TeX."""
    input:
        rules.unified.input,
        rules.capacity.input,
        rules.numbers_tex.output,
        rules.tables.output,
