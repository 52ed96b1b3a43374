"""The Build stage: one variant of a model, proved to load and to run before anything is served."""
