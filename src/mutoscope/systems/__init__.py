"""How a published system is run and trained."""
