"""README.md of an exported run: what it is, how good, and how it was mapped."""

from typing import Any

from moe_core.export.faithful import ARCHITECTURES, ModelType, model_type
from moe_core.routing import registry
from moe_core.runs import RunSpec

MAPPED: dict[ModelType, str] = {
    "llama": "Nothing but names and the embedding changed.",
    "mixtral": "The router's rule is Mixtral's: a softmax over the experts chosen.",
    "olmoe": "The router's rule is OLMoE's: a softmax over all experts, the best not renormalised. "
    "OLMoE also normalises queries and keys, which this model does not: their projections are "
    "stored so small that the norm divides by its epsilon alone, and its weight scales them back. "
    "That needs float32 or bfloat16; in float16 they would vanish.",
    "glm4_moe": "The router's rule is that of DeepSeek-V3: sigmoid scores, a bias that moves the "
    "choice alone. The class is GLM-4 MoE, which has this router on ordinary attention. A model "
    "without a shared expert has one of zeros here.",
}


def model_card(summary: dict[str, Any], spec: RunSpec) -> str:
    """Markdown with the front matter of the hub."""
    model, moe, test = spec.model, spec.model.moe, summary["test"]
    kind = model_type(model)
    if moe is None:
        routing = f"Dense: one feed-forward layer of {model.ffn_hidden} a block, no router."
    else:
        label = registry.declaration(moe.strategy)["label"]
        limit = (
            "no capacity"
            if moe.drop_policy == "none"
            else f"a capacity factor of {moe.capacity_factor:g} (drop policy {moe.drop_policy})"
        )
        routing = (
            f"Routing strategy: {label} (`{moe.strategy}`), {moe.top_k} of {moe.num_experts} "
            f"experts a token. It was trained with {limit}; here nothing is dropped."
        )
    return f"""---
library_name: transformers
pipeline_tag: text-generation
---

# {summary["run"]}

A small language model of MoE Routing Bench, trained on `{spec.tokens}` with seed {spec.seed}.

- {routing}
- Bits per byte on test stories, decoding as here: {test["bits_per_byte"]!r}.
- Positions seen in training: {spec.training.seq_len}. Every text begins with and ends in
  `<|endoftext|>`; the tokenizer puts the first.

## How it was mapped

A checkpoint of `{ARCHITECTURES[kind]}`. {MAPPED[kind]} The embedding is multiplied by the
square root of the model's width, which the bench does as it runs, so the head is not tied to it.
Logits equal the bench's own in float32 but for rounding.
"""
