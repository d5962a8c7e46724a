"""The panels of the desk, one file each, all built on `ui.panels.base.Panel`."""
