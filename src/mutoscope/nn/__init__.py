"""Layers that networks are made of; no system is named here."""
