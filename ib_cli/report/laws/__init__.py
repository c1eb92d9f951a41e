"""The laws of TherML, measured from records: a law per file, on grids of multipliers."""
