"""Stories from three sources, split, tokenized, and cut into batches."""
