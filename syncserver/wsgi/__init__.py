"""The joint between HTTP and the engines: a chain of policies around short views."""
