"""Trained models at work: they write text."""
