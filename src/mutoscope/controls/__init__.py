"""One file per condition."""
