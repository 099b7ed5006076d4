"""Options: the named settings of the commands, defined once and shared.

Options that go together are the fields of a frozen dataclass; `flatten` gives a command whose
parameter is such a group the group's options.
"""
