"""Thin kopf handlers, the work queue they feed, and the controller that works it off."""
