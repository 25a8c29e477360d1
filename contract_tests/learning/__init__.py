"""Learning a profile: which of the kit's deviations a server shows.

A deviation that alone breaks a requirement is told by what the contract tests say of that; for each
other one there is an *observer*, a function that looks at what came, or asks, and says of each
occurrence whether the deviation showed.

evidence                what came, and what may still be asked
observers               their register
runs, agents, cancelling, remembering, surface      the observers; `pauses` is when some act
learn                   has them look; profile_file writes down what they saw
"""
