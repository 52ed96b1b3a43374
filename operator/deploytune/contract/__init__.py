"""What the operator and a trial say to each other; pydantic and the standard library only.

A request goes in as JSON in the environment, a report comes back as the container's termination
message. Both carry a version; the two sides may be one version apart.
"""
