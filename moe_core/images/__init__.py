"""Images with labels from three sources, split, stored, and cut into batches."""
