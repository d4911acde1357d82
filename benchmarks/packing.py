"""Rows to their experts and back: the bytes that must move, over time, over a large copy's rate."""

import argparse
from collections.abc import Callable, Iterator

import torch
from layers import DTYPES, INPUTS, Row
from timing import interleaved
from torch import Tensor

from moe_core.dispatch.grouped import sorted_rows
from moe_core.dispatch.packing import combine, lay_out, pack
from moe_core.dispatch.static import combine_rows
from moe_core.routing.routing import Routing, from_token_choice

# rows by expert, and what sums them up by token
Packed = tuple[Tensor, Callable[[], Tensor]]


def ours_packed(x_TD: Tensor, routing: Routing) -> Packed:
    """As ``auto`` has it: by layout on a CPU, as ``grouped`` without waiting for a GPU."""
    if x_TD.device.type == "cpu":
        layout = lay_out(routing)
        x_PD = pack(x_TD, layout)
        return x_PD, lambda: combine(x_PD, routing.weight_A, layout)
    x_AD, row_A, _ = sorted_rows(x_TD, routing)
    return x_AD, lambda: combine_rows(x_AD, row_A, routing)


def transformers_packed(x_TD: Tensor, routing: Routing) -> Packed:
    """The steps that transformers' grouped_mm experts take, in the same operations."""
    experts, top_k = routing.num_experts, routing.per_token or 1
    sorted_A, order_A = torch.sort(routing.expert_A)
    count_E = torch.histc(sorted_A.float(), bins=experts, min=0, max=experts - 1)
    torch.cumsum(count_E, 0, dtype=torch.int32)
    x_AD = x_TD[routing.token_A[order_A]]

    def combined() -> Tensor:
        weighted_AD = x_AD * routing.weight_A[order_A].unsqueeze(-1)
        inverse_A = torch.empty_like(order_A)
        inverse_A[order_A] = torch.arange(len(order_A), device=order_A.device)
        return weighted_AD[inverse_A].view(-1, top_k, x_TD.shape[1]).sum(1)

    return x_AD, combined


WAYS = {"ours": ours_packed, "transformers": transformers_packed}


def random_routing(x_TD: Tensor, experts: int, top_k: int, turn: int) -> Routing:
    logits_TE = torch.randn(len(x_TD), experts, generator=torch.Generator().manual_seed(turn))
    chosen_TK, expert_TK = logits_TE.to(x_TD.device).topk(top_k, dim=-1)
    return from_token_choice(expert_TK, chosen_TK.softmax(-1).to(x_TD.dtype), experts)


def packs_in_turn(
    way: Callable[[Tensor, Routing], Packed], x_TD: Tensor, routings: list[Routing]
) -> Callable[[], Packed]:
    """Packs by the next routing, whose sort counts as packing."""
    turn = 0

    def packed() -> Packed:
        nonlocal turn
        turn += 1
        routing = routings[turn % len(routings)]
        vars(routing).pop("by_expert_A", None)  # sort anew
        return way(x_TD, routing)

    return packed


def packing(given: argparse.Namespace) -> Iterator[Row]:
    """Gather by expert and weighted combine, sort included, as share of memcpy."""
    dim, experts, top_ks = 512, 64, (1, 2, 4)
    large = torch.ones(64 << 20, device=given.device)
    target = torch.empty_like(large)
    for precision, dtype in DTYPES.items():
        for tokens in (8192, 32768):
            x_TD = torch.randn(tokens, dim).to(given.device, dtype)
            functions: dict[str, Callable[[], object]] = {"memcpy": lambda: target.copy_(large)}
            for top_k in top_ks:
                routings = [random_routing(x_TD, experts, top_k, i) for i in range(INPUTS)]
                for name, way in WAYS.items():
                    functions[f"{name} {top_k} pack"] = packs_in_turn(way, x_TD, routings)
                    functions[f"{name} {top_k} combine"] = way(x_TD, routings[0])[1]
            with torch.no_grad():
                timings = interleaved(functions, given.rounds, given.device, given.budget)
            copied = 2 * large.nbytes / timings["memcpy"].seconds
            for name in WAYS:
                for top_k in top_ks:
                    seconds = {
                        part: timings[f"{name} {top_k} {part}"].seconds
                        for part in ("pack", "combine")
                    }
                    moved = (1 + top_k) * x_TD.nbytes
                    yield {
                        "section": "pack",
                        "precision": precision,
                        "name": name,
                        "tokens": tokens,
                        "dim": dim,
                        "experts": experts,
                        "top_k": top_k,
                        "memcpy_bytes_per_s": copied,
                        "pack_share": moved / seconds["pack"] / copied,
                        "combine_share": moved / seconds["combine"] / copied,
                        "share": 2 * moved / sum(seconds.values()) / copied,
                    }
