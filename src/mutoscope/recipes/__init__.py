"""One file per published system, loaded lazily by name."""
