"""Launchers and a sweeper for Hydra, which accepts them from the package `hydra_plugins` only.

Hydra imports every module here at every start, but for those with a leading underscore: they stay light, and import
what they need where they need it.
"""
