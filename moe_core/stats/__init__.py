"""Intervals, tests and power over paired seeds.

Letters of the shapes here: R paired seeds, N held-out stories, M arms, B bootstrap resamples.
"""
