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


def how_many(method: Method, num_adapters: float, top_k: float) -> str:
    """Adapters of a layer in words: ``2 of 8`` in PERFT-R, nothing where there is one."""
    if method == "perft_r":
        return f"{top_k:.0f} of {num_adapters:.0f}"
    return f"{num_adapters:.0f}" if num_adapters > 1 else ""
