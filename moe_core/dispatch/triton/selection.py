"""What a selection is, whoever made it."""

from typing import Literal, NamedTuple

from torch import Tensor

# a softmax over the K chosen, over all experts, or a sigmoid of each logit
Gate = Literal["chosen", "all", "sigmoid"]


class Selection(NamedTuple):
    """What one pass over the logits says.

    expert_TK: int64, best first; weight_TK: fp32. For groups of ``scope`` consecutive tokens
    prob_GE: mean softmax probability; load_GE: assignments, int64. logsumexp_T: of each row.
    """

    expert_TK: Tensor
    weight_TK: Tensor
    prob_GE: Tensor
    load_GE: Tensor
    logsumexp_T: Tensor

    def switch_loss(self) -> Tensor:
        """As ``balance.switch_loss`` of the same scope."""
        share_GE = self.load_GE / self.load_GE.sum(-1, keepdim=True).clamp(min=1)
        return self.load_GE.shape[1] * (share_GE * self.prob_GE).sum(-1).mean()

    def z_loss(self) -> Tensor:
        """As ``balance.z_loss``."""
        return self.logsumexp_T.square().mean()
