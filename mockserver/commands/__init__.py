"""The commands of the command line, one or more a module."""
