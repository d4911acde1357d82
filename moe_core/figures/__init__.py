"""How results are drawn and typeset."""
