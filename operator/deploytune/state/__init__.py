"""Pure decisions: from what is there to what to do. No clock, no input or output."""
