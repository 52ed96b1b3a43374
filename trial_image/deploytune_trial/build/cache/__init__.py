"""Builds that are kept for later trials, and what is known of them; see `entries`."""
