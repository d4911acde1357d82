"""Router logits to the sparse tokens x experts matrix of combine weights."""
