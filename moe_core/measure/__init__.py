"""Measures of routing and text, controls and the capacity benchmark."""
