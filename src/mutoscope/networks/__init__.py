"""Networks that are saved on disk; module paths here are a wire format."""
