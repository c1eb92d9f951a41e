"""Trackers: mirrors of a run's records in other tools."""
