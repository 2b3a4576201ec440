"""Instruments: how well a clip says what it should."""
