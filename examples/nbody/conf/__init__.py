"""The configuration; see the README beside this folder."""
