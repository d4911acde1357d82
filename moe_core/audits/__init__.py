"""Does a trained model keep what its strategy declares? Causality, gradients, conservation."""
