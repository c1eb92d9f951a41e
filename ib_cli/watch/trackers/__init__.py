"""Trackers: mirrors of a run's records in the tools of others."""
