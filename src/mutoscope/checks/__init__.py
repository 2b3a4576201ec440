"""One file per recipe: its works-when checks."""
