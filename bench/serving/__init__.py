"""How fast Swerve serves, beside the limit of the machine and beside its peers. See `__main__`."""
