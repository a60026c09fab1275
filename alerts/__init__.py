"""Findings to alerts to notifications. Floor 1."""
