"""The doors to published weights."""
