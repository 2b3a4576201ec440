"""The mathematics of diffusion: schedules, predictions, guidance, samplers (torch only)."""
