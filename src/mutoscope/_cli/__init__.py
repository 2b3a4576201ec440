"""What the commands of `mutoscope.cli` do, a module a command; torch is imported in here only."""
