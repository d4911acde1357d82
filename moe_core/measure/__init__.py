"""Measures of routing and text, statistics, controls and the capacity benchmark."""
