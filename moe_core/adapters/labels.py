"""What methods are called, apart from what runs depend on. Free of torch."""

from moe_core.adapters.config import Method

LABELS: dict[Method, str] = {
    "perft_r": "PERFT-R",
    "perft_e": "PERFT-E",
    "perft_d": "PERFT-D",
    "perft_s": "PERFT-S",
    "lora": "LoRA on attention",
    "full": "full fine-tuning",
}
