"""Conditions on the pixels of a clip: what each means, and how it is had and shown."""
