"""Launchers and sweepers for Hydra, which accepts plugins from the package `hydra_plugins` only.

Hydra imports every module here at every start, except those with a leading underscore. So these modules stay light, and
make heavy imports within functions.
"""
