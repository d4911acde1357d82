"""Columns that the tables of runs and of cells share."""

MEASURES = (
    "perplexity",
    "bits_per_byte_train_mode",
    "bits_per_byte_at_capacity",
    "drop_rate",
    "token_drop_rate",
    "load_cv_causal",
    "assignments_per_token",
    "assignments_per_token_causal",
    "load_cv",
    "max_vio",
    "gini",
    "dead_experts",
    "coactivation_max",
    "router_entropy_nats",
    "marginal_entropy_nats",
    "top1_margin",
    "switch_loss",
    "z_loss",
    "specialisation_mutual_information_nats",
    "specialisation_corrected_nats",
    "specialisation_null_mean_nats",
    "specialisation_null_high_nats",
    "specialisation_p_value",
)

# what tells runs apart in every table of the analysis
IDENTITY = (
    "run",
    "cell",
    "strategy",
    "label",
    "control",
    "causal",
    "shared_hidden",
    "capacity_factor",
    "num_experts",
    "top_k",
    "tokens",
    "seed",
    "failure",
)
ROUTERS = ("trained", "untrained")
