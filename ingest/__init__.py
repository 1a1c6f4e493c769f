"""Loader of opencode-warehouse: lands OpenCode's own records, unjudged, in a DuckDB file."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("opencode-warehouse")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0.0.0+checkout"
