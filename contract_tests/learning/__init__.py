"""Learning a profile: which of the kit's deviations a server shows.

`evidence` is what was seen of a server, and the register of *observers*: for each deviation a
function that looks for the occasions on which it would show, and says of each whether it did.
`runs`, `cancelling`, `agents` and `surface` are the observers, `learn` has them look, and
`profile_file` writes down what they saw. A deviation without an observer says why in the catalogue
(`undetectable`).
"""
