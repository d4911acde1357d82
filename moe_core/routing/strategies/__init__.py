"""One routing strategy a file: its rule, its declaration, its source."""
